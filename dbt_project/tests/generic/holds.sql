{% test holds(model, condition) %}
    {# The condition is true of every row; a null counts as a violation. #}
    select * from {{ model }} where ({{ condition }}) is not true
{% endtest %}
