with lines as (
    select *
    from {{ ref('stg_order_lines') }}
    where customer_id is not null and is_return
)

select
    invoice_no,
    customer_id,
    arg_min(country, {{ arrival_order() }}) as country,
    min(invoiced_at) as returned_at,
    min(trade_date) as trade_date,
    max(_known_at) as known_at,
    count(*) as lines,
    count(distinct stock_code) as products,
    cast(-sum(quantity) as bigint) as units,
    cast(-sum(line_amount) as decimal(18, 3)) as returned_amount
from lines
group by invoice_no, customer_id
