"""What runs beside Celery in a worker process."""
