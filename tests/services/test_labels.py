"""Tables of labels: what is read, and that whatever else there may be in such a file is refused with its line."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import FormatError
from app.services.scoring import labels
from app.services.scoring.labels import Label, read_labels
from tests.soak import examples

WIDE = "account,bad,test,group:sex,raw:n"


@pytest.fixture
def read(tmp_path):
    def written(data: bytes | str):
        path = tmp_path / "labels.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_labels(path)

    return written


def test_every_column_and_its_absence(read):
    assert read(f"{WIDE}\nl:a,1,0,f,-2.5\nl:b,0,1,,3\n") == {
        "l:a": Label(bad=True, test=False, groups={"sex": "f"}, raw={"n": -2.5}),
        "l:b": Label(bad=False, test=True, groups={"sex": ""}, raw={"n": 3.0}),
    }
    assert read("bad,note,account\n1,hm,l:a\n")["l:a"].bad


@pytest.mark.parametrize("text", ["account,bad,test\na,1,0\nb,0,1\n", 'account,"bad",test\na,1,0\n\nb,0,1'])
def test_as_spreadsheets_write_it(read, text):
    """A byte order mark, other line ends, an empty line, no line end at the end."""
    wanted = {"a": Label(bad=True, test=False), "b": Label(bad=False, test=True)}
    for end in ("\n", "\r\n"):
        for mark in ("", "\ufeff"):
            assert read(mark + text.replace("\n", end)) == wanted


def test_without_a_column_test_the_accounts_name_decides(read):
    found = read("account,bad\n" + "".join(f"a:{n},1\n" for n in range(1000)))
    assert 250 < sum(label.test for label in found.values()) < 350
    assert found["a:1"].test  # its SHA-256 begins with 43
    assert not found["a:2"].test  # with 216
    assert not found["a:3"].test  # with 87


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "line 1: .*columns account and bad"),
        (b"name,bad\na,1\n", "line 1: .*columns account and bad"),
        (b"account\n", "line 1: .*columns account and bad"),
        (b"account,bad,account\na,1,b\n", "line 1: a column for the second time"),
        (b"account,bad\na,2\n", "line 2: bad and test are 0 or 1"),
        (b"account,bad,test\na,1,x\n", "line 2: bad and test are 0 or 1"),
        (b"account,bad\na,1\na,0\n", "line 3: the account 'a' for the second time"),
        (b"bad,account\n1\n", "line 2: 1 cells under a head of 2"),
        (b"account,bad\na,1,x\n", "line 2: 3 cells under a head of 2"),
        (b"account,bad,raw:n\na,1,zwei\n", "line 2: could not convert"),
        (b"account,bad,raw:n\na,1,\n", "line 2: could not convert"),
        (b"account,bad,raw:n\na,1,inf\n", "line 2: inf is not a number"),
        (b"account,bad,raw:n\na,1,nan\n", "line 2: nan is not a number"),
        (b'account,bad\n"a,1\n', "line 2: unexpected end"),
        (b"account,bad\n" + b"x" * 200_000 + b",1\n", "line 2: field larger"),
        (b"account,bad\na,\xff\n", "not UTF-8"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(read, text, said):
    with pytest.raises(FormatError, match=rf"labels\.csv.*{said}"):
        read(text)


def test_a_table_that_is_too_large_is_refused(read, monkeypatch):
    monkeypatch.setattr(labels, "LABELS_BYTES_MAX", 16)
    assert len(read("account,bad\na,1\n")) == 1
    with pytest.raises(FormatError, match="at most"):
        read("account,bad\na,1\n\n")


@settings(max_examples=examples(200), deadline=None)
@given(st.binary() | st.text("account,bd\r\n\"01\x00\ufeff'").map(str.encode))
def test_any_bytes_are_a_table_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for head in (b"", b"account,bad\n"):
        path.write_bytes(head + data)
        with suppress(FormatError):
            assert len(read_labels(path)) <= data.count(b",")
