{# The schema is the lake's zone: a model `curated.orders` is the table `curated/orders`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
