"""All addresses."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from jobs import views
from jobs.api import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("", include("jobs.api.urls")),
    path("", views.job_list, name="job-list-page"),
    path("jobs/table/", views.job_table, name="job-table"),
    path("jobs/<uuid:job_id>/", views.job_page, name="job-page"),
    path("login/", auth.LoginView.as_view(template_name="jobs/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
