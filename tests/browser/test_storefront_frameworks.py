"""The recipes for React and Vue, made into a page: their lists are shown, and what is clicked in them counts."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from endcap_local.stack import LocalStack
from infra.checks.npm import Package, PackageError, unpacked
from infra.storefront.__main__ import ESBUILD, KIT
from tests.browser.kit_pages import records, sent, serve, until, warm
from tests.fakes.browser import Watched

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
RECIPES = KIT.parent / "recipes"
REACT = (
    Package(
        "react",
        "19.3.1",
        "sha512-QNhWdt7nrgVWWQG58QuGsAR3jv3Hbe4mb4vz7w2csnHavciZJgda1CPNaldF6eVxv90ud3jUXpKlHL69gO38yw==",
    ),
    Package(
        "react-dom",
        "19.3.1",
        "sha512-Y0bARz53lhEC1NMCASs0/j+faB/zqt3R8hpvg1e8+61ZVJ4UL0UdC4cBbXfZMcIuhrfgeILTLe+ZeBCavQPtKQ==",
    ),
    Package(
        "scheduler",
        "0.28.0",
        "sha512-juorfCmIkIw8tT+p5BXSm6PJjQF/ycEYmKyzURCIt/RaZIhL+PulbQ9Yu2z1HdOJDdqDTlxA1+xKBmHXJsczAw==",
    ),
)
VUE = (
    Package(
        "vue",
        "3.5.45",
        "sha512-3cvsib8m9c0vB24+MDKsgcW4+Da4xaBl9Z/5Tbm2pmSIsRPxcil4cdXjXlVsmJ2g64XJo5h+IRd7rsdGT9pZaw==",
    ),
)
REACT_PAGE = f"""
import {{ StrictMode }} from 'react';
import {{ createRoot }} from 'react-dom/client';
import {{ EndcapProvider, Recommendations }} from '{RECIPES / "react.jsx"}';
const made = [{{ item_id: 'item-9', title: 'Nine', url: '#nine' }}];
const rendered = {{ recommendation_id: 'made-by-the-server', items: made }};
createRoot(document.getElementById('app')).render(<StrictMode><EndcapProvider base="/storefront" consent="granted">
  <Recommendations title="For you" surface="app" limit={{3}} />
  <Recommendations title="Made" surface="app" rendered={{rendered}} />
</EndcapProvider></StrictMode>);
"""
# A page of Vue is compiled; here by what Vue brings to a browser for that.
LAX = "default-src 'self'; script-src 'self' 'unsafe-eval'; connect-src *"
STRICT = "default-src 'self'; connect-src *; require-trusted-types-for 'script'; trusted-types 'none'"


def vue_page() -> str:
    recipe = (RECIPES / "vue.vue").read_text(encoding="utf-8")
    script, template = (re.search(rf"<{tag}>\n(.*?)</{end}>", recipe, re.DOTALL) for tag, end in
                        (("script setup", "script"), ("template", "template")))  # fmt: skip
    assert script
    assert template
    imports = "".join(line + "\n" for line in script[1].splitlines() if line.startswith("import"))
    body = "".join(line + "\n" for line in script[1].splitlines() if not line.startswith("import"))
    props = re.search(r"const props = defineProps\((.*)\);\n", body)
    assert props
    return f"""{imports}
import {{ createApp }} from 'vue';
const setup = props => {{ {body.replace(props[0], "")} return {{ list }}; }};
const Recommendations = {{ props: {props[1]}, setup, template: `{template[1]}` }};
const template = '<Recommendations title="For you" surface="app" :limit="3" />';
createApp({{ components: {{ Recommendations }}, template }}).mount('#app');
endcapKit.consent('granted');
"""


def bundled(folder: Path, page: str, packages: tuple[Package, ...]) -> str:
    """A page's JavaScript with all that it imports."""
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "endcap-storefront").symlink_to(KIT)
    for package in packages:
        (modules / package.name).symlink_to(unpacked(package))
    main = folder / "main.jsx"
    main.write_text(page, encoding="utf-8")
    esbuild = unpacked(ESBUILD) / "bin" / "esbuild"
    esbuild.chmod(0o755)
    options = ["--bundle", "--jsx=automatic", "--define:process.env.NODE_ENV='production'", "--preserve-symlinks"]
    options += ["--alias:vue=vue/dist/vue.esm-browser.prod.js"] if page != REACT_PAGE else []
    done = subprocess.run(
        [esbuild, main, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"NODE_PATH": str(modules)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["react", "vue"])
def test_lists_of_a_framework_are_shown_and_what_is_clicked_in_them_counts(
    toy_stack: LocalStack, open_window: Callable[..., Watched], tmp_path: Path, name: str
) -> None:
    page, packages, policy = (REACT_PAGE, REACT, STRICT) if name == "react" else (vue_page(), VUE, LAX)
    try:
        code = bundled(tmp_path, page, packages)
    except PackageError as exc:
        pytest.skip(str(exc))
    warm(toy_stack)
    window = open_window(toy_stack.url)
    html = (
        '<!doctype html><html lang="en"><title>A shop</title><div id="app"></div><script src="/app.js"></script></html>'
    )
    serve(window, toy_stack.url, {"/app": html}, policy)
    window.context.route("**/app.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    shown = window.open(f"{toy_stack.url}/app")
    listed = shown.get_by_role("region", name="For you").locator("[data-ec-list]")
    items = listed.locator("[data-ec-item] a")
    items.nth(2).wait_for()
    assert items.count() == 3
    until(shown, "localStorage['ec.v']")
    names = listed.get_attribute("data-ec-list"), listed.locator("li").nth(1).get_attribute("data-ec-item")
    clicked = [names]
    items.nth(1).click()
    if name == "react":
        shown.get_by_text("Nine").click()
        clicked.append(("made-by-the-server", "item-9"))
    sent(shown)
    toy_stack.wait_until_idle()
    found = [e for e in records(toy_stack, "events/") if e["event_type"] == "click"]
    assert {(e["recommendation_id"], e["item_id"]) for e in found} >= set(clicked)
