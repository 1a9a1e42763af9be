with lines as (
    select *
    from {{ ref('stg_order_lines') }}
    where
        customer_id is not null
        and not is_cancellation
        and movement in ('sale', 'free', 'shipping', 'discount')
)

select
    invoice_no,
    customer_id,
    arg_min(country, {{ arrival_order() }}) as country,
    min(invoiced_at) as ordered_at,
    min(trade_date) as trade_date,
    max(_known_at) as known_at,
    count(*) filter (where is_sale) as lines,
    count(distinct stock_code) filter (where is_sale) as products,
    cast(sum(quantity) filter (where is_sale) as bigint) as units,
    cast(coalesce(sum(quantity) filter (where movement = 'free'), 0) as bigint) as free_units,
    cast(sum(line_amount) filter (where is_sale) as decimal(18, 3)) as order_value,
    cast(coalesce(sum(line_amount) filter (where movement = 'shipping'), 0) as decimal(18, 3)) as shipping_amount,
    cast(coalesce(sum(line_amount) filter (where movement = 'discount'), 0) as decimal(18, 3)) as discount_amount,
    cast(sum(line_amount) as decimal(18, 3)) as invoice_amount
from lines
group by invoice_no, customer_id
having count(*) filter (where is_sale) > 0
