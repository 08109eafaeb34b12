"""Starting the service's parts on one machine: natively here, in containers by docker-compose.yml."""
