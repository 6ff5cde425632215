"""Pseudonyms: stable under a key, useless without it, and nothing else comes in."""

import os

import pytest

from calibration.pseudonyms import KEY_VARIABLE, KeyFault, Pseudonyms, at_the_door, is_pseudonym, load_key, new_key

NAMES = ["1234567893", "Dr. Jane Roe", "jane.roe@example.org", "=HYPERLINK(A1)", "jane-roe", "physician-7",
         "Physician-007", "person-ABCDEFGHIJKLMNOP", "physician-007\n", ""]  # fmt: skip


def test_a_key_is_made_for_its_owner_alone_and_read_back(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    path = tmp_path / "key"
    new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    key = load_key(path)
    assert is_pseudonym(key.person("ann")) and key.person("ann") == load_key(path).person(" ann ")
    assert key.person("ann") != key.person("bob") and key.event("ann") not in key.person("ann")
    with pytest.raises(FileExistsError):
        new_key(path)
    new_key(tmp_path / "other")
    other = load_key(tmp_path / "other")
    assert other.person("ann") != key.person("ann") and other.fingerprint != key.fingerprint
    monkeypatch.setenv(KEY_VARIABLE, path.read_text())
    assert load_key().person("ann") == key.person("ann")
    assert path.read_text().strip() not in repr(key)


@pytest.mark.parametrize(("text", "mode", "reason"), [
    ("ab" * 32, 0o644, "expected 0600"), ("ab" * 31, 0o600, "31 bytes"), ("not a key", 0o600, "no hexadecimal"),
])  # fmt: skip
def test_a_key_that_is_open_or_broken_is_refused(tmp_path, text, mode, reason):
    path = tmp_path / "key"
    path.write_text(text)
    os.chmod(path, mode)
    with pytest.raises(KeyFault, match=reason) as error:
        load_key(path)
    assert text not in str(error.value)


def test_only_pseudonyms_pass_the_door():
    key = Pseudonyms(bytes(32))
    assert not any(map(is_pseudonym, NAMES))
    assert is_pseudonym("physician-007")
    assert set(at_the_door(NAMES, None, keep=True).values()) == {None}
    renamed = at_the_door([*NAMES, "physician-007"], key, keep=True)
    assert renamed.pop("physician-007") == "physician-007" and renamed.pop("") is None
    assert all(is_pseudonym(name) for name in renamed.values())
    assert at_the_door(["physician-007"], key, keep=False)["physician-007"] != "physician-007"
