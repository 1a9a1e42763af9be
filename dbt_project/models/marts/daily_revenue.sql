with days as (
    select
        trade_date,
        count(distinct invoice_no) filter (where is_sale) as invoices,
        count(distinct customer_id) filter (where is_sale) as customers,
        cast(coalesce(sum(quantity) filter (where is_sale), 0) as bigint) as units,
        {%- for movement in ('sale', 'return', 'shipping', 'discount', 'cost', 'bad_debt') %}
        cast(coalesce(sum(line_amount) filter (where movement = '{{ movement }}'), 0) as decimal(18, 3))
            as {{ movement }}_gbp{{ "," if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_order_lines') }}
    group by trade_date
),

totals as (
    select
        *,
        cast(sale_gbp + return_gbp + shipping_gbp + discount_gbp as decimal(18, 3)) as revenue_gbp
    from days
),

rates as (
    select
        rate_date,
        rate
    from {{ ref('stg_exchange_rates') }}
    where currency = 'GBP'
)

select
    totals.trade_date,
    totals.invoices,
    totals.customers,
    totals.units,
    totals.sale_gbp,
    totals.return_gbp,
    totals.shipping_gbp,
    totals.discount_gbp,
    totals.revenue_gbp,
    totals.cost_gbp,
    totals.bad_debt_gbp,
    rates.rate_date,
    rates.rate as gbp_per_eur,
    {{ to_eur('totals.revenue_gbp', 'rates.rate') }} as revenue_eur
from totals
asof left join rates on totals.trade_date >= rates.rate_date
