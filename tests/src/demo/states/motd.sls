/etc/motd:
  file.managed:
    - name: {{ opts['root_dir'] }}/etc/motd
    - makedirs: True
    - contents: |
        Managed by Salt: {{ grains['id'] }}
        Changes made here by hand do not last.
