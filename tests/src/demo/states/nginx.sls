nginx.conf:
  file.managed:
    - name: {{ opts['root_dir'] }}/etc/nginx.conf
    - makedirs: True
    - contents: |
        worker_processess 4;

nginx -t:
  cmd.run:
    - name: >-
        echo 'nginx: [emerg] unknown directive "worker_processess" in /etc/nginx/nginx.conf:1' >&2;
        echo 'nginx: configuration file /etc/nginx/nginx.conf test failed' >&2;
        exit 1
    - require:
      - file: nginx.conf

nginx:
  test.succeed_with_changes:
    - require:
      - cmd: nginx -t
