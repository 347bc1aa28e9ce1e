"""The checker of the built documentation sees what it is there to see. (Its browser's part is `make docs-check`.)"""

from __future__ import annotations


def test_dead_links_anchors_and_pictures_are_found(tmp_path, script):
    check = script("check")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="#top">1</a><a href="#gone">2</a><a href="sub/b.html#c%C3%A9">3</a>'
        '<a href="sub/b.html#d">4</a><a href="e.html">5</a><img src="f.png"><a href="https://g.org/#h">6</a>'
        '<a href="mailto:i@j.k">7</a>'
    )
    (tmp_path / "sub" / "b.html").write_text('<p id="cé"><a name="x"></a><a href="../a.html">A</a></p>')
    dead, external = check.dead_links(tmp_path)
    assert dead == ["a.html: #gone", "a.html: sub/b.html#d", "a.html: e.html", "a.html: f.png"]
    assert external == {"https://g.org/#h"}
