"""Reads OpenMetrics text on standard input with the Prometheus project's strict parser; prints its samples as JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

samples = []
for family in text_string_to_metric_families(sys.stdin.read()):
    if not family.documentation.strip():
        sys.exit(f"{family.name} has no help")
    if family.unit and not family.name.endswith(family.unit):
        sys.exit(f"{family.name} is not named after its unit {family.unit}")
    for sample in family.samples:
        samples.append({"name": sample.name, "labels": sample.labels, "value": sample.value})
json.dump(samples, sys.stdout)
