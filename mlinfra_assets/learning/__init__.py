"""What a model learns from, how it is trained, compared, promoted and judged afterwards. No Dagster here.

A model is declared in `mlinfra_assets/models/`; this room turns the declaration into a training set, an ONNX file with
its metrics, a decision, outcomes for its predictions, and a record of how well it does.
"""
