"""The recipes of docs/storefront/, run as far as a machine without the shop systems can."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright._impl._driver import compute_driver_executable

from endcap.storefront.tokens import shopper_of
from infra.checks.npm import PackageError, unpacked
from infra.storefront.__main__ import ESBUILD, KIT
from tests.fakes.door_tokens import SECRET

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "infra" / "storefront" / "recipes"
PAGES = ROOT / "docs" / "storefront"
NODE = str(compute_driver_executable()[0])


def node(script: str) -> Any:
    """What a module's last line prints, as JSON; Node is the one that Playwright brings."""
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def source(name: str) -> str:
    return (RECIPES / name).read_text(encoding="utf-8")


def test_every_recipe_has_its_page_and_every_page_its_recipe() -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    assert {path.name for path in RECIPES.iterdir() if path.is_file()} == set(re.findall(r"recipes/([\w.-]+)", told))
    home = (ROOT / "docs" / "storefront.md").read_text(encoding="utf-8")
    assert {page.name for page in PAGES.glob("*.md")} == set(re.findall(r"\(storefront/([\w-]+\.md)\)", home))


def test_node_signs_tokens_that_the_door_takes() -> None:
    token = node(f"import {{ shopperToken }} from '{RECIPES}/shopper.mjs';"
                 f"console.log(JSON.stringify(shopperToken('Zoë 7', {json.dumps(SECRET)})))")  # fmt: skip
    assert shopper_of(token, (SECRET,), time.time()) == "Zoë 7"


def test_node_asks_for_who_is_known_by_the_cookie_alone() -> None:
    asked = node(f"""import {{ listFor }} from '{RECIPES}/shopper.mjs';
        const asked = [];
        globalThis.fetch = async (url, how) => (asked.push([url, how.headers]), new Response('{{"items": []}}'));
        await listFor('https://door', {{ cookie: 'a=1; ec_id=tok; b=2', shopper: 's', limit: 3 }});
        await listFor('https://door', {{ cookie: 'xec_id=tok', shopper: 's' }});
        console.log(JSON.stringify(asked))""")
    known, unknown = (headers for _, headers in asked)
    assert (known["cookie"], known["endcap-shopper"]) == ("ec_id=tok", "s")
    assert unknown == {"content-type": "application/json", "endcap-visitor": "none"}


def test_the_app_proxy_takes_what_shopify_has_signed_and_nothing_else() -> None:
    now = str(int(time.time()))
    given = {"shop": "a.myshopify.com", "path_prefix": "/apps/endcap", "timestamp": now, "logged_in_customer_id": "77",
             "q": "red lamp"}  # fmt: skip
    told = "".join(f"{name}={given[name]}" for name in sorted(given))
    signature = hmac.new(b"app", told.encode(), hashlib.sha256).hexdigest()
    signed = urlencode({**given, "signature": signature}, quote_via=quote)
    asked = node(f"""import {{ proxied }} from '{RECIPES}/shopify-proxy.mjs';
        const asked = [], door = 'https://door/storefront', how = {{ door, appSecret: 'app', doorSecret: {json.dumps(SECRET)} }};
        const ask = async (url, {{ headers }}) => (asked.push([url, headers]), new Response('{{}}'));
        const to = (query, visitor) => proxied(new Request('https://proxy.example/endcap/search?' + query, {{ headers: visitor ? {{ 'endcap-visitor': visitor }} : {{}} }}), how, ask);
        const statuses = [await to('{signed}', 'tok'), await to('{signed}'), await to('{signed}'.replace('red', 'blue'), 'tok'), await to('q=x', 'tok')].map(r => r.status);
        console.log(JSON.stringify({{ statuses, asked }}))""")  # noqa: E501
    assert asked["statuses"] == [200, 200, 401, 401]
    (url, known), (_, nobody) = asked["asked"]
    assert url == "https://door/storefront/search?q=red+lamp"
    assert shopper_of(known["endcap-shopper"], (SECRET,), time.time()) == "77"
    assert known["endcap-visitor"] == "tok"
    assert "endcap-shopper" not in nobody
    assert nobody["endcap-visitor"] == "none"


def test_shopifys_pixel_sends_orders_once_with_the_list_they_came_from() -> None:
    sent = node(f"""const kept = {{ 'ec.t.SKU1': JSON.stringify({{ t: Date.now(), list: {{ recommendation_id: 'r', position: 2 }} }}) }};
        const heard = {{}}, sent = [];
        globalThis.browser = {{ localStorage: {{ getItem: async k => kept[k] ?? null, setItem: async (k, v) => {{ kept[k] = v; }}, removeItem: async k => {{ delete kept[k]; }} }} }};
        globalThis.analytics = {{ subscribe: (name, then) => {{ heard[name] = then; }} }};
        let failing = 1;
        globalThis.fetch = async (url, {{ headers, body }}) => failing-- > 0 ? new Response('', {{ status: 503 }}) : (sent.push([headers['Endcap-Visitor'], JSON.parse(body).events]), new Response(JSON.stringify({{ visitor: headers['Endcap-Visitor'] == 'new' ? 'tok' : undefined }}), {{ status: 202 }}));
        {source("shopify-pixel.js")}
        const timestamp = '2026-01-02T03:04:05.678Z';
        heard.product_viewed({{ id: 'e1', timestamp, data: {{ productVariant: {{ sku: 'SKU1', id: '9' }} }} }});
        heard.checkout_completed({{ id: 'e2', timestamp, data: {{ checkout: {{ order: {{ id: 5 }}, lineItems: [{{ quantity: 2, variant: {{ sku: '', id: '8', price: {{ amount: '3.5' }} }} }}, {{ variant: null }}, {{ quantity: 1, variant: {{ sku: '', id: '8', price: {{ amount: '3' }} }} }}] }} }} }});
        await sending;
        console.log(JSON.stringify({{ sent, visitor: kept['ec.v'] }}))""")  # noqa: E501
    assert ([visitor for visitor, _ in sent["sent"]], sent["visitor"]) == (["new", "tok"], "tok")
    events = [event for _, part in sent["sent"] for event in part]
    assert [(e["event_id"], e["event_type"], e["item_id"]) for e in events] == [
        ("e1/SKU1", "view", "SKU1"),
        ("order/5/8", "purchase", "8"),
        ("order/5//8", "purchase", "8"),  # a second line of the item
    ]
    assert (events[0]["recommendation_id"], events[0]["position"]) == ("r", 2)
    assert events[1]["properties"] == {"order_id": "5", "quantity": 2, "price": 3.5}
    assert events[1]["value"] == 2 * 3.5


def test_the_tag_managers_template_is_whole_and_says_what_ga4_says() -> None:
    parts = re.split(r"^___(\w+)___$", source("tag-manager.tpl"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name in ("INFO", "TEMPLATE_PARAMETERS", "WEB_PERMISSIONS"):
        json.loads(sections[name])
    calls = node(f"""const calls = [], api = {{ callInWindow: (...given) => calls.push(given), makeString: String, makeNumber: Number }};
        const run = data => new Function('require', 'data', {json.dumps(sections["SANDBOXED_JS_FOR_WEB_TEMPLATE"])})(name => api[name], {{ ...data, gtmOnSuccess() {{}} }});
        run({{ event: 'purchase', ecommerce: {{ transaction_id: 7, items: [{{ item_id: 'a', price: '2.5', quantity: 2 }}, {{ item_id: 5 }}] }} }});
        run({{ event: 'view_item', ecommerce: {{ items: [{{ item_id: 'a' }}] }} }});
        run({{ event: 'search', term: 'lamp' }});
        run({{ event: 'scroll' }});
        console.log(JSON.stringify(calls))""")  # noqa: E501
    lines = [{"item_id": "a", "price": 2.5, "quantity": 2}, {"item_id": "5", "price": 0, "quantity": 1}]
    assert calls == [
        ["endcap", "order", "7", lines],
        ["endcap", "track", "view", "a"],
        ["endcap", "search", "lamp"],
    ]


def test_a_mini_program_asks_tracks_and_keeps_by_its_own_calls() -> None:
    found = node(f"""import {{ createRequire }} from 'node:module';
        const kept = {{ consent: 'granted' }}, asked = [], shows = [], require = createRequire('{KIT}/');
        let page, watched, failing = true;
        globalThis.wx = {{
          getStorageSync: key => kept[key] ?? '', setStorageSync: (key, value) => {{ kept[key] = value; }}, removeStorageSync: key => {{ delete kept[key]; }},
          getStorageInfoSync: () => ({{ keys: Object.keys(kept) }}), onAppHide() {{}}, onAppShow: then => shows.push(then), navigateTo() {{}},
          request({{ url, method, header, data, success, fail }}) {{
            if (failing && /events/.test(url)) {{ failing = false; return setTimeout(fail); }}
            asked.push([method, url, header, data && JSON.parse(data)]);
            const items = [{{ item_id: 'b', title: 'B' }}];
            setTimeout(() => success({{ statusCode: /events/.test(url) ? 202 : 200, header: {{}}, data: {{ recommendation_id: 'r', items, ...(header['Endcap-Visitor'] == 'new' && {{ visitor: 'tok' }}) }} }}));
          }},
        }};
        globalThis.Page = made => {{ page = Object.assign(made, {{
          setData(data, then) {{ Object.assign(this.data, data); then?.(); }},
          createIntersectionObserver: () => ({{ relativeToViewport: () => ({{ observe: (_, then) => {{ watched = then; }} }}), disconnect() {{}} }}),
        }}); }};
        new Function('require', 'wx', 'Page', {json.dumps(source("mini-page.js"))})(() => require('{KIT}/mini.cjs'), wx, Page);
        page.onLoad({{ id: 'a' }});
        await new Promise(go => setTimeout(go, 50));
        page.open({{ currentTarget: {{ dataset: {{ id: 'b', position: 1 }} }} }});
        const wait = setInterval(() => shows.forEach(then => then()), 50);
        while (Object.keys(kept).some(key => key.startsWith('ec.e.'))) await new Promise(go => setTimeout(go, 20));
        clearInterval(wait);
        console.log(JSON.stringify({{ asked, kept: Object.keys(kept), items: page.data.items, watched: !!watched }}));
        process.exit(0)""")  # noqa: E501
    assert found["items"] == [{"item_id": "b", "title": "B"}]
    assert found["watched"]
    assert sorted(found["kept"]) == ["consent", "ec.t.b", "ec.v"]
    urls = [url for _, url, _, _ in found["asked"]]
    assert urls[0].startswith("https://shop.example/storefront/items/a/similar?")
    assert "fields=title%2Cprice%2Cimage_url" in urls[0]
    assert [header["Endcap-Visitor"] for _, _, header, _ in found["asked"]][:2] == ["new", "tok"]
    events = [e for _, url, _, body in found["asked"] if url.endswith("/events") for e in body["events"]]
    assert [(e["event_type"], e["item_id"], e.get("recommendation_id")) for e in events] == [
        ("view", "a", None),
        ("click", "b", "r"),
    ]


@pytest.mark.parametrize("name", ["react.jsx", "vue.vue", "react.mjs", "vue.mjs"])
def test_what_is_for_a_framework_is_javascript(name: str) -> None:
    try:
        esbuild = unpacked(ESBUILD) / "bin" / "esbuild"
    except PackageError as exc:
        pytest.skip(str(exc))
    esbuild.chmod(0o755)
    text = (RECIPES / name if (RECIPES / name).is_file() else KIT / name).read_text(encoding="utf-8")
    if name.endswith(".vue"):
        text = text.partition("<script setup>")[2].partition("</script>")[0]
    done = subprocess.run(
        [esbuild, "--loader=jsx"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def php(script: str) -> str:
    found = shutil.which("php")
    if found is None:
        pytest.skip("needs PHP 8")
    done = subprocess.run([found, "-r", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_php_signs_tokens_that_the_door_takes() -> None:
    secret = SECRET.replace("'", "\\'")
    token = php(f"require '{RECIPES}/shopper.php'; echo endcap_shopper_token('Zoë 7', '{secret}');")
    assert shopper_of(token, (SECRET,), time.time()) == "Zoë 7"


WORDPRESS = r"""
define('ABSPATH', '/'); define('ENDCAP_BASE', 'https://door/storefront'); define('ENDCAP_SECRET', '%s');
$filters = [];
function add_action($name, $does) { $GLOBALS['filters'][$name] = $does; }
function add_filter($name, $does) { $GLOBALS['filters'][$name] = $does; }
function add_shortcode($name, $does) { $GLOBALS['filters']["[$name]"] = $does; }
function apply_filters($name, $value) { return $value; }
function plugins_url($name) { return "/p/$name"; }
function wp_enqueue_script(...$given) {}
function wp_add_inline_script($name, $code) { echo $code, "\n"; }
function wp_print_inline_script_tag($code) { echo $code; }
function is_user_logged_in() { return true; }
function get_current_user_id() { return 7; }
function is_product() { return false; }
function is_search() { return false; }
function is_order_received_page() { return true; }
function absint($value) { return (int) $value; }
function wp_unslash($value) { return $value; }
function wc_clean($value) { return $value; }
function get_query_var($name) { return '12'; }
function esc_attr($value) { return htmlspecialchars((string) $value, ENT_QUOTES); }
function wp_json_encode($value, $how = 0) { return json_encode($value, $how); }
function get_woocommerce_currency() { return 'EUR'; }
class WC_Product { function get_sku() { return '</script>'; } function get_id() { return 3; } }
class Line { function get_product() { return new WC_Product(); } function get_quantity() { return 2; } }
class Order {
    function key_is_valid($key) { return $key === 'wc_1'; }
    function get_items() { return [new Line()]; }
    function get_item_total($line, $taxed) { return '4.5'; }
    function get_order_number() { return '12'; }
}
function wc_get_order($id) { return new Order(); }
"""


def test_woocommerce_says_an_order_and_who_has_signed_in() -> None:
    told = php(
        WORDPRESS % SECRET.replace("'", "\\'") + f"$_GET['key'] = 'wc_1'; require '{RECIPES}/woocommerce.php';"
        "$filters['wp_enqueue_scripts']();"
        "echo $filters['script_loader_tag']('<script>a</script>"
        '<script src="/p/endcap.js" defer></script>\', \'endcap\'), "\\n";'
        "echo $filters['[endcap]'](['surface' => '\"><b>', 'onclick' => 'x']);"
    )
    said, tag, element = told.splitlines()
    assert said.endswith('endcap("order","12",[{"item_id":"\\u003C\\/script\\u003E","quantity":2,"price":4.5}]);')
    assert tag.startswith('<script>a</script><script data-base="https://door/storefront" data-consent="google"')
    (token,) = re.findall(r'data-shopper="([^"]+)"', tag)
    assert shopper_of(token, (SECRET,), time.time()) == "7"
    assert element.startswith('<endcap-list surface="&quot;&gt;&lt;b&gt;"><ul')


def test_a_newsletters_links_say_which_list_they_stood_in() -> None:
    spec = importlib.util.spec_from_file_location("newsletter", RECIPES / "newsletter.py")
    assert spec is not None
    assert spec.loader is not None
    newsletter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(newsletter)
    item = {"item_id": "a b", "title": "<b>Lamp</b>", "url": "https://shop.example/p?x=1&y=2"}
    made = newsletter.as_html({"recommendation_id": "r1", "items": [item]})
    assert "&lt;b&gt;Lamp" in made
    (link,) = re.findall(r'href="([^"]+)"', made)
    query = link.replace("&amp;", "&").partition("?")[2]
    calls = node(f"""const calls = [];
        globalThis.endcap = (...given) => calls.push(given);
        globalThis.location = {{ search: '?{query}', pathname: '/p', hash: '' }};
        globalThis.history = {{ state: null, replaceState: (...given) => calls.push(given[2]) }};
        {source("newsletter.js")}
        console.log(JSON.stringify(calls))""")
    details = {"recommendation_id": "r1", "position": 1, "event_id": "mail/r1/1"}
    assert calls == [["endcap", "track", "click", "a b", details][1:], "/p?x=1&y=2"]
