-- The days' revenue is the lines' revenue, and no line of trade is lost or counted twice.
with by_day as (
    select coalesce(sum(revenue_gbp), 0) as revenue from {{ ref('daily_revenue') }}
),

by_line as (
    select coalesce(sum(line_amount), 0) as revenue
    from {{ ref('stg_order_lines') }}
    where movement in ('sale', 'return', 'shipping', 'discount')
)

select
    by_day.revenue as by_day,
    by_line.revenue as by_line
from by_day
cross join by_line
where by_day.revenue <> by_line.revenue
