"""The floor of the web: the least that Flask does, served by the very command line that serves Credence."""

from flask import Flask

from app.services.lifeline import die_with_parent

die_with_parent()
app = Flask(__name__)


@app.get("/")
def hello() -> str:
    return "Hello, world!"
