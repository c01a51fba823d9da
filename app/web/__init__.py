"""The web: JSON API, public log, pages and operations, as one Flask application around one bureau.

    app = create_app(Bureau.open(Home.from_environment()))

| module | what it does |
|---|---|
| machines.api, schemas, described | the JSON API and its description; bodies and answers, what goes in and out |
| machines.applications_api, watches | keys are applied for; banks watch scores |
| machines.audit_api | a regulator's reading room |
| machines.public_log, scorecards | checkpoint and tiles; the published cards |
| machines.operations, metrics | /livez, /readyz, /metrics |
| machines.front | the two busiest answers, given in front of Flask |
| pages, check | HTML for everybody |
| citizens.signin, security | signing in, passkeys, sessions |
| citizens.record, entries, alerts, share, export, what_if | a citizen's own pages; menu leads from one to the other |
| citizens.consents, disputes, statements, erasing, cases | what citizens decide, put right and ask for |
| citizens.signing | what they will is signed with their passkey |
| organisations.seats | how people at organisations sign in, and what a role may open |
| organisations.bank, letters, furnisher | what banks and furnishers do |
| organisations.staff, counter, approvals, applying | what clerks and officers do |
| organisations.regulator, notice_words | supervision, and what everybody may see of it |
| words, plain_words, chart, language, forms | what pages say, and what is typed into them |
| application, logs | Flask, with short ways; the access log |
| errors, headers, cookies, limits | one shape for every error, security headers, sessions, brakes |

Two things come from the environment: CREDENCE_HTTPS=1 says that people reach the service over https (secure
cookies, HSTS), and CREDENCE_PROXIES=n that n proxies of ours stand in front and set X-Forwarded-For.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING

from flask import request, url_for
from flask_wtf.csrf import CSRFProtect
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader
from werkzeug.middleware.proxy_fix import ProxyFix

from app.services import address
from app.web import check, errors, headers, language, logs, pages, plain_words, words
from app.web.application import Application
from app.web.citizens import (
    alerts,
    cases,
    consents,
    disputes,
    entries,
    erasing,
    export,
    menu,
    record,
    security,
    share,
    signin,
    signing,
    statements,
    what_if,
)
from app.web.cookies import PeopleSessions
from app.web.limits import limiter
from app.web.machines import api, applications_api, audit_api, operations, public_log, scorecards, watches
from app.web.machines.front import Front
from app.web.machines.metrics import Metrics
from app.web.organisations import (
    applying,
    approvals,
    bank,
    counter,
    furnisher,
    letters,
    regulator,
    seats,
    staff,
)

if TYPE_CHECKING:
    from flask import Flask

    from app.services.bureau import Bureau

__all__ = ["create_app"]

FOR_PROGRAMS = (
    audit_api.blueprint,
    audit_api.transitions_blueprint,
    public_log.blueprint,
    scorecards.blueprint,
    letters.machine,
    applications_api.blueprint,
    regulator.machine,
    watches.blueprint,
)
FOR_PEOPLE = (
    operations.blueprint,
    pages.blueprint,
    check.blueprint,
    signin.blueprint,
    security.blueprint,
    record.blueprint,
    entries.blueprint,
    alerts.blueprint,
    share.blueprint,
    export.blueprint,
    what_if.blueprint,
    consents.blueprint,
    disputes.blueprint,
    statements.blueprint,
    erasing.blueprint,
    cases.blueprint,
    signing.blueprint,
    seats.blueprint,
    bank.blueprint,
    letters.blueprint,
    furnisher.blueprint,
    staff.blueprint,
    counter.blueprint,
    approvals.blueprint,
    applying.blueprint,
    regulator.blueprint,
)
UPLOADS = {
    "approvals.new": approvals.UPLOAD_BYTES_MAX,
    "disputes.evidence": disputes.UPLOAD_BYTES_MAX,
    "furnisher.batches": furnisher.UPLOAD_BYTES_MAX,
}


def create_app(bureau: Bureau, *, log: Path | None = None, https: bool = False, proxies: int = 0) -> Flask:
    """The application around an open bureau. `log` is the access log's file, standard error when there is
    none.
    """
    app = Application(__name__, static_folder="static", template_folder="templates")
    app.extensions["credence"] = bureau
    app.extensions["metrics"] = Metrics(bureau.home.path / "run")
    app.url_map.merge_slashes = False
    app.session_interface = sessions = PeopleSessions()
    app.config.update(
        SECRET_KEY=_cookie_key(bureau.home.secret("wrap.key")),
        SESSION_COOKIE_NAME="__Host-session" if https else "session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        MAX_CONTENT_LENGTH=check.REQUEST_BYTES_MAX,  # the API sets its own, larger one
        MAX_FORM_MEMORY_SIZE=check.FORM_BYTES_MAX,
        WTF_CSRF_SSL_STRICT=False,  # it asks for a Referer, and our own policy is to send none
    )
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    log_file = logs.open_log(log)
    logs.configure(log_file)
    write_line = logs.writer(app.extensions["metrics"], log_file)
    logs.register(app, write_line)
    headers.register(app, https=https)
    errors.register(app, bureau.engine)
    language.register(app)
    _prepare_templates(app)
    limiter.init_app(app)
    app.before_request(_allow_uploads)  # before the check that reads the form
    _register_blueprints(app, CSRFProtect(app))
    app.wsgi_app = Front(app, app.wsgi_app, sessions, write_line, https=https)  # type: ignore[method-assign]
    return app


def _register_blueprints(app: Flask, csrf: CSRFProtect) -> None:
    """What programs send has no form's token: it is signed, or a choice of language, which a stranger may change."""
    machine = api.register(app)
    for blueprint in FOR_PROGRAMS:
        machine.register_blueprint(blueprint)
    for blueprint in FOR_PEOPLE:
        app.register_blueprint(blueprint)
    for blueprint in (api.blueprint, *FOR_PROGRAMS, pages.blueprint):
        csrf.exempt(blueprint)


def _allow_uploads() -> None:
    """Pages that take files read larger forms than others."""
    bytes_max = UPLOADS.get(request.endpoint or "")
    if bytes_max is not None:
        request.max_content_length = bytes_max


def from_environment(bureau: Bureau) -> Flask:
    """The application with its switches taken from the environment."""
    to_stderr = os.environ.get("CREDENCE_LOG") == "-"
    return create_app(
        bureau,
        log=None if to_stderr else bureau.home.path / "log" / "web.jsonl",
        https=os.environ.get("CREDENCE_HTTPS") == "1",
        proxies=int(os.environ.get("CREDENCE_PROXIES", "0")),
    )


def _cookie_key(secret: bytes) -> bytes:
    """The key that signs cookies, the same in every worker; derived, so that there is no further secret to
    keep.
    """
    return hmac.digest(secret, b"credence/cookies@v1", hashlib.sha256)


def _prepare_templates(app: Flask) -> None:
    app.jinja_loader = ChoiceLoader(
        [
            PackageLoader("app.web"),
            PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
        ]
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    versions = {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()[:8]
        for each in Path(app.static_folder or "").glob("*.*")
    }

    def static(name: str) -> str:
        """The address of one of our files; it changes with the content, so browsers may keep it for ever."""
        version = versions.get(name)
        return url_for("static", filename=name, v=version) if version else url_for("static", filename=name)

    app.jinja_env.globals.update(
        static=static,
        menu=menu,
        option_list=words.options,
        unread_alerts=alerts.unread,
        newest_alerts=alerts.few,
        told=alerts.told,
        contact=address.contact,
        plain=plain_words.plain,
        of_rule=plain_words.of_rule,
        kind_of=errors.kind_of,
    )
