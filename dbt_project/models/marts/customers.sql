with seen as (
    select
        customer_id,
        arg_max(country, {{ arrival_order() }}) as country,
        min(invoiced_at) as first_seen_at,
        max(invoiced_at) as last_seen_at
    from {{ ref('stg_order_lines') }}
    where customer_id is not null
    group by customer_id
),

ordered as (
    select
        customer_id,
        count(*) as orders,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        cast(sum(units) as bigint) as units,
        cast(sum(order_value) as decimal(18, 3)) as order_value
    from {{ ref('orders') }}
    group by customer_id
),

returned as (
    select
        customer_id,
        count(*) as credit_notes,
        cast(sum(units) as bigint) as returned_units,
        cast(sum(returned_amount) as decimal(18, 3)) as returned_amount
    from {{ ref('returns') }}
    group by customer_id
)

select
    seen.customer_id,
    seen.country,
    seen.first_seen_at,
    seen.last_seen_at,
    ordered.first_order_at,
    ordered.last_order_at,
    coalesce(ordered.orders, 0) as orders,
    coalesce(ordered.units, 0) as units,
    cast(coalesce(ordered.order_value, 0) as decimal(18, 3)) as order_value,
    cast(ordered.order_value as double) / ordered.orders as average_order_value,
    coalesce(returned.credit_notes, 0) as credit_notes,
    coalesce(returned.returned_units, 0) as returned_units,
    cast(coalesce(returned.returned_amount, 0) as decimal(18, 3)) as returned_amount,
    cast(coalesce(ordered.order_value, 0) - coalesce(returned.returned_amount, 0) as decimal(18, 3)) as net_value
from seen
left join ordered on seen.customer_id = ordered.customer_id
left join returned on seen.customer_id = returned.customer_id
