"""Loaders of django-vite and WhiteNoise that read a build again when it changes, not only at start."""

from __future__ import annotations

from typing import Any

from django.core.checks import Warning as CheckWarning
from django_vite.core.asset_loader import DjangoViteAppClient, ManifestClient
from django_vite.core.exceptions import DjangoViteAssetNotFoundError, DjangoViteManifestError
from whitenoise.middleware import WhiteNoiseMiddleware

from jobs.web import browser_assets


class FreshManifest(ManifestClient):
    """A manifest that is read again when its file appears or changes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._stamp = browser_assets.stamp()
        super().__init__(*args, **options)

    def get(self, path: str) -> Any:
        """Return the entry of an asset. Raises DjangoViteAssetNotFoundError, with advice if nothing is built."""
        now = browser_assets.stamp()
        if now != self._stamp:
            try:
                self._entries, self.legacy_polyfills_entry = self._parse_manifest()
            except DjangoViteManifestError as error:
                raise DjangoViteAssetNotFoundError(browser_assets.missing() or str(error)) from error
            self._stamp = now
        if now is None:
            raise DjangoViteAssetNotFoundError(browser_assets.missing())
        return super().get(path)

    def check(self) -> list[CheckWarning]:
        """Return the warnings of django-vite with our remedy."""
        return [CheckWarning(one.msg, hint=browser_assets.REMEDY, id=one.id) for one in super().check()]


class FreshAssets(DjangoViteAppClient):
    ManifestClient = FreshManifest


class FreshFiles(WhiteNoiseMiddleware):
    """A middleware that also serves files built after the process started."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._stamp = browser_assets.stamp()
        super().__init__(*args, **options)

    def __call__(self, request: Any) -> Any:
        now = browser_assets.stamp()
        if now != self._stamp and self.use_finders and not self.autorefresh:
            self.add_files_from_finders()
            self._stamp = now
        return super().__call__(request)
