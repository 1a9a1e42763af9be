{% test unique_together(model, columns) %}
    {# No two rows agree in all of these columns; nulls count as equal. #}
    select {{ columns | join(", ") }}, count(*) as repeats
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}
