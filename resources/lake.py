"""The lake as a resource."""

import dagster as dg
from pydantic import ConfigDict, Field

from mlinfra_assets.lake.lake import Lake


class LakeResource(dg.ConfigurableResource):
    """Delta tables under one root.

    Attributes:
        root: A folder, or an `s3://` address (credentials from the `AWS_*` variables).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: str = Field(description="Folder or s3:// address that holds the tables.")

    def open(self) -> Lake:
        """The lake itself."""
        return Lake(self.root)
