{% set team = 'web' %}
{{ home }}/deploy:
  file.directory:
    - makedirs: True
