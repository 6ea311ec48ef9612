"""Django's admin, open to superusers only.

The permission to change users includes the boxes "superuser", groups and permissions. So a member of the staff with
that permission could become a superuser.
"""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest


class SuperuserSite(AdminSite):
    """The admin site. Staff who are no superusers see its login page only."""

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and bool(request.user.is_superuser)


class Administration(AdminConfig):
    default_site = "e1site.administration.SuperuserSite"
