{#
    Pounds to euros, in whole cents, rounded half away from zero.

    amount is a decimal with 3 digits in GBP, rate a decimal with 6 digits in GBP for one EUR. Calculated in integers:
    thousandths of a pound times 100,000 over millionths of a pound are cents, and no digit passes through a float.
#}
{% macro to_eur(amount, rate) -%}
    cast(
        cast(
            sign({{ amount }}) * (
                (cast(abs({{ amount }}) * 1000 as hugeint) * 200000 + cast({{ rate }} * 1000000 as hugeint))
                // (2 * cast({{ rate }} * 1000000 as hugeint))
            ) as decimal(16, 0)
        ) * cast(0.01 as decimal(2, 2)) as decimal(18, 2)
    )
{%- endmacro %}
