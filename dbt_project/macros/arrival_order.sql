{# The total order of a source's rows: what happened later, then what was known later, then the later position. #}
{% macro arrival_order() -%}
    (_event_time, _known_at, _partition, _offset, _row, coalesce(_release, 0))
{%- endmacro %}
