with lines as (
    select *
    from {{ ref('stg_order_lines') }}
    where item in ('product', 'voucher')
)

select
    stock_code,
    min(item) as item,
    arg_max(description, {{ arrival_order() }}) filter (where is_sale and description is not null) as description,
    min(invoiced_at) filter (where is_sale) as first_sold_at,
    max(invoiced_at) filter (where is_sale) as last_sold_at,
    arg_max(unit_price, {{ arrival_order() }}) filter (where is_sale) as last_unit_price,
    count(distinct invoice_no) filter (where is_sale) as invoices,
    count(distinct customer_id) filter (where is_sale) as buyers,
    cast(coalesce(sum(quantity) filter (where is_sale), 0) as bigint) as units_sold,
    cast(coalesce(sum(line_amount) filter (where is_sale), 0) as decimal(18, 3)) as sold_amount,
    cast(coalesce(-sum(quantity) filter (where is_return), 0) as bigint) as units_returned,
    cast(coalesce(-sum(line_amount) filter (where is_return), 0) as decimal(18, 3)) as returned_amount,
    cast(coalesce(sum(quantity) filter (where movement = 'free'), 0) as bigint) as units_free,
    cast(coalesce(-sum(quantity) filter (where movement = 'write_off'), 0) as bigint) as units_written_off
from lines
group by stock_code
