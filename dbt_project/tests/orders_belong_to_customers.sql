-- Every order and return belongs to a customer, and the customers' totals are those of their orders.
with customers as (
    select
        coalesce(sum(orders), 0) as orders,
        coalesce(sum(order_value), 0) as order_value
    from {{ ref('customers') }}
),

orders as (
    select
        count(*) as orders,
        coalesce(sum(order_value), 0) as order_value
    from {{ ref('orders') }}
)

select customers.orders
from customers
cross join orders
where customers.orders <> orders.orders or customers.order_value <> orders.order_value
