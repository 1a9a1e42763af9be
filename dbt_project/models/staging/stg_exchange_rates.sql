-- The bank may correct a rate: of the versions of one day and currency, the one that was known last holds.
select
    rate_date,
    currency,
    rate,
    _event_time,
    _known_at,
    _known_at_assumed,
    _partition,
    _offset,
    _row,
    _release,
    _contract_version
from {{ source('processed', 'exchange_rates') }}
qualify
    row_number() over (
        partition by rate_date, currency
        order by _known_at desc, _partition desc, _offset desc, _row desc, coalesce(_release, 0) desc
    ) = 1
