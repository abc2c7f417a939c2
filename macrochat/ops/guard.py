"""Who is an operator."""

from __future__ import annotations

from flask_login import current_user

from ..errors import NotFound
from ..web.failures import SENTENCES


def require_admin() -> None:
    """To everybody but administrators these addresses do not exist: the same 404 as for an unknown one."""
    if not current_user.is_admin:
        raise NotFound(SENTENCES[404])
