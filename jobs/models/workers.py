"""Workers and the networks they run."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from jobs.models.states import WorkerState


class EngineRecord(models.Model):
    """A network on a device (`e1protocol.EngineIdentity`), named by every chunk that it computed."""

    digest = models.CharField(max_length=64, unique=True)
    identity = models.JSONField()


class Worker(models.Model):
    """A worker process. It is alive while its heartbeat is fresh.

    Others write one column, `draining`: the worker then finishes its leases and claims nothing more. `run` names the
    start of its parent process. A new start ends a drain; a replaced child process does not. A worker of a
    `cost_centre` computes only the work of groups that are left to its workers; any other computes everyone else's.
    """

    name = models.CharField(max_length=200, primary_key=True)
    model = models.CharField(max_length=40)
    cost_centre = models.CharField(max_length=100, default="", db_default="", blank=True)
    state = models.CharField(max_length=8, choices=WorkerState.choices)
    reason = models.TextField(default="", blank=True)
    draining = models.BooleanField(default=False, db_default=False)
    run = models.CharField(max_length=32, default="", db_default="", blank=True)
    device_errors = models.PositiveSmallIntegerField(default=0, db_default=0)
    """Consecutive device errors of all its processes since `run` began; a successful bundle resets them."""
    last_error = models.CharField(max_length=500, default="", db_default="", blank=True)
    """What its last failed or lost bundle said, also of an earlier start."""
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_bundle_at = models.DateTimeField(null=True, blank=True)
    engine = models.ForeignKey(EngineRecord, null=True, blank=True, on_delete=models.SET_NULL)
    tokens_per_second = models.FloatField(null=True, blank=True)
    costs = models.JSONField(default=dict, db_default={}, blank=True)
    """Its `e1protocol.costs.Costs`: fitted at its start, corrected by its bundles."""
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    last_forward_at = models.DateTimeField(null=True, blank=True)
