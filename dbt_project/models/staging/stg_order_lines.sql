-- Row-wise: every column comes from one row of one source, so the same SQL runs on a stream's batches.
select
    -- what was written
    lines.invoice_no,
    lines.stock_code,
    nullif(trim(lines.description), '') as description,
    lines.quantity,
    lines.unit_price,
    lines.customer_id,
    lines.country,
    lines.invoiced_at,

    -- what it means
    cast(lines.invoiced_at at time zone 'Europe/London' as date) as trade_date,
    cast(lines.quantity * lines.unit_price as decimal(18, 3)) as line_amount,
    starts_with(lines.invoice_no, 'C') as is_cancellation,
    case
        when starts_with(lines.invoice_no, 'A') or lines.stock_code = 'B' then 'bad_debt'
        when lines.stock_code in ('POST', 'DOT', 'C2') then 'shipping'
        when lines.stock_code = 'D' then 'discount'
        when lines.stock_code = 'S' then 'sample'
        when lines.stock_code in ('AMAZONFEE', 'BANK CHARGES') then 'fee'
        when lines.stock_code = 'CRUK' then 'charity'
        when lines.stock_code = 'M' then 'manual'
        when starts_with(lines.stock_code, 'gift_') then 'voucher'
        when
            regexp_full_match(lines.stock_code, '[0-9]{5}[A-Za-z]{0,3}')
            or starts_with(lines.stock_code, 'DCGS')
            or lines.stock_code = 'PADS'
            then 'product'
        else 'other'
    end as item,
    case
        when item in ('bad_debt', 'shipping', 'discount', 'other') then item
        when item in ('sample', 'fee', 'charity') then 'cost'
        when is_cancellation and lines.quantity < 0 and lines.unit_price >= 0 then 'return'
        when not is_cancellation and lines.quantity > 0 and lines.unit_price > 0 then 'sale'
        when not is_cancellation and lines.quantity > 0 and lines.unit_price = 0 then 'free'
        when not is_cancellation and lines.quantity < 0 and lines.unit_price = 0 then 'write_off'
        else 'other'
    end as movement,
    item = 'product' as is_product,
    item = 'bad_debt' as is_bad_debt,
    movement = 'sale' as is_sale,
    movement = 'return' as is_return,

    -- where it comes from
    lines._event_time,
    lines._known_at,
    lines._known_at_assumed,
    lines._partition,
    lines._offset,
    lines._row,
    lines._release,
    lines._contract_version
from {{ source('processed', 'order_lines') }} as lines
