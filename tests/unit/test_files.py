"""Files are looked at without being changed; secrets are written whole, for their owner alone, over nobody else's."""

import os

import pytest

from vdl_lora.files import cannot_write, free_bytes, open_to_all, place, staged


def test_a_staged_file_is_for_its_owner_alone_and_gone_unless_it_gets_a_name(tmp_path):
    umask = os.umask(0)
    try:
        with staged(tmp_path / "token", "secret\n") as new:
            assert ("secret\n", 0o600) == (new.read_text(), new.stat().st_mode & 0o777)
            assert tmp_path == new.parent
    finally:
        os.umask(umask)
    assert [] == list(tmp_path.iterdir())


def test_it_gets_its_name_in_one_step_and_never_that_of_another_unless_it_shall_replace_it(tmp_path):
    path = tmp_path / "token"
    with staged(path, "first") as new:
        place(new, path)
    with staged(path, "second") as new, pytest.raises(FileExistsError):
        place(new, path)
    assert "first" == path.read_text()
    with staged(path, "third") as new:
        place(new, path, replace=True)
    assert ("third", 0o600) == (path.read_text(), path.stat().st_mode & 0o777)
    assert [path] == list(tmp_path.iterdir())


def test_what_fails_meanwhile_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "token", "secret"):
        raise ZeroDivisionError
    assert [] == list(tmp_path.iterdir())


def test_the_folder_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / "secrets" / "token"
    with staged(path, "secret") as new:
        place(new, path)
    assert 0o700 == path.parent.stat().st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_where_root_writes_the_owner_is_that_of_the_file_before_or_of_the_folder(tmp_path):
    path = tmp_path / "token"
    os.chown(tmp_path, 10001, 10002)
    with staged(path, "first") as new:
        place(new, path)
    assert (10001, 10002) == (path.stat().st_uid, path.stat().st_gid)
    os.chown(path, 10003, 10004)
    with staged(path, "second") as new:
        place(new, path, replace=True)
    assert (10003, 10004) == (path.stat().st_uid, path.stat().st_gid)


def test_what_cannot_be_written_is_said_and_what_others_may_read_is_known(tmp_path):
    assert "" == cannot_write(tmp_path / "new" / "file")
    assert "Is a directory" == cannot_write(tmp_path)
    (tmp_path / "file").write_text("")
    assert "Not a directory" == cannot_write(tmp_path / "file" / "below")
    assert (free_bytes(tmp_path / "new" / "file") or 0) > 0
    (tmp_path / "file").chmod(0o640)
    assert not open_to_all(tmp_path / "file")
    (tmp_path / "file").chmod(0o644)
    assert open_to_all(tmp_path / "file")
    assert not open_to_all(tmp_path / "nothing")
