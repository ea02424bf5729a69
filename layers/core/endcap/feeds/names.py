"""Names of columns and of types of events, as other shops spell them. A field is one row: its name, then its spellings.

Names are compared without case, spaces and signs: `Visitor ID`, `visitor_id` and `visitorId` are one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from endcap.events.types import ALIASES, EVENT_TYPES, GA4, PERSONALIZE, SEGMENT, EventType

_EVENT_FIELDS: Final[Mapping[str, str]] = {
    "user_id": "userid visitorid customerid memberid shopperid buyerid accountid uid user customer "
    "visitor reviewerid distinctid buyeremail buyer customeremail email emailbilling billingemail "
    "用户id 用户编号 用户 会员id 会员编号 会员 客户id 客户编号 客户 买家id 买家 顾客id 顾客 用戶id 用戶 會員id 會員 "
    "kundennummer kundennr kdnr kundenid kunde benutzer nutzer idclient client idcliente cliente utilisateur usuario",
    "anonymous_id": "anonymousid userpseudoid deviceid clientid cookieid 设备id 访客id 匿名id",
    "item_id": "itemid productid sku parentasin asin movieid bookid articleid goodsid offerid stockcode "
    "productsku sellersku contentid item product itemnumber productnumber articlenumber 商品id 商品编号 商品编码 "
    "商品 产品id 产品编号 产品 货号 sku编码 宝贝id 物品id 商品編號 artikelnummer artikelnr artikel "
    "produkt produktnummer idproduit produit référence idproducto producto referencia prodotto "
    "idprodotto",
    "event_type": "eventtype eventname event behaviortype behaviourtype interactiontype action behavior "
    "behaviour type 行为类型 行为 事件类型 事件 操作类型 操作 動作 行為 ereignis aktion evenement "
    "événement evento accion acción azione",
    "value": "value eventvalue rating score grade stars overall 评分 分数 数值 金额 wert bewertung valeur valor valore",
    "timestamp": "timestamp eventtimestamp eventtime unixtime unixreviewtime datetime timestampms "
    "createdat ts time date tdat invoicedate orderdate eventdate purchasedate saledate 时间戳 时间 行为时间 下单时间 "
    "购买时间 创建时间 日期 時間 zeitstempel zeitpunkt zeit datum uhrzeit bestelldatum horodatage heure "
    "fecha fechahora hora",
    "text": "text reviewtext review comment searchterm query 评论 评论内容 评价 评价内容 搜索词 "
    "kommentar commentaire comentario",
    "session_id": "sessionid usersession session visitid 会话id 会话 sitzung",
    "event_id": "eventid messageid",
    "recommendation_id": "recommendationid",
    "user_agent": "useragent httpuseragent",
    "order_id": "orderid ordernumber ordername orderno transactionid invoiceno invoicenumber invoiceid",
    "position": "position",
    "properties": "properties",
}
_ITEM_FIELDS: Final[Mapping[str, str]] = {
    "item_id": "itemid id productid sku asin parentasin movieid bookid articleid goodsid offerid "
    "stockcode productsku sellersku itemnumber productnumber articlenumber 商品id 商品编号 商品编码 产品id "
    "产品编号 货号 sku编码 宝贝id 物品id 商品編號 编号 artikelnummer artikelnr produktnummer idproduit "
    "référence idproducto referencia idprodotto codice",
    "title": "title name productname prodname itemname producttitle itemtitle displayname productdisplayname "
    "商品名称 商品名 商品标题 产品名称 产品名 标题 名称 品名 宝贝标题 商品名稱 名稱 bezeichnung "
    "artikelbezeichnung artikelname produktname titel titre nom nomproduit libelle nombre titulo título "
    "titolo nome",
    "group_id": "groupid itemgroupid parentid parentsku parentasin variantgroupid productgroupid styleid",
    "description": "description productdescription itemdescription detaildesc bodyhtml body longdescription "
    "shortdescription summary 商品描述 描述 详情 商品详情 简介 beschreibung beschrijving descripcion "
    "descripción descrizione",
    "categories": "categories category categorypath categoryname producttype googleproductcategory "
    "productcategory genres genre categoriesxyz categorycode department categoryid 类目 分类 类别 品类 "
    "商品分类 所属类目 一级类目 分類 類別 kategorie kategorien warengruppe categorie catégorie categoria "
    "categoría rayon",
    "brand": "brand vendor manufacturer brandname make 品牌 品牌名称 厂商 marke hersteller marque marca",
    "price": "price saleprice unitprice regularprice listprice pricegross grossprice pricetaxincluded "
    "pricetaxexcluded 价格 售价 单价 现价 销售价 價格 售價 常规价格 促销价 preis verkaufspreis bruttopreis "
    "regulärerpreis prix precio prezzo preço",
    "currency": "currency pricecurrency currencycode 币种 货币 währung devise moneda valuta",
    "available": "available availability instock isinstock isavailable stockstatus active active01 isactive aktiv "
    "allowpurchases vorrätig 是否上架 是否有货 上架状态 有货 verfügbar verfuegbar verfügbarkeit "
    "lieferbar disponible disponibilité disponibile",
    "stock": "stock quantity qty inventory stockquantity inventoryquantity inventoryqty stocklevel "
    "currentstocklevel stockqty onhand qtyonhand availablequantity quantityavailable availablestock 库存 库存数量 "
    "库存量 庫存 bestand lagerbestand existencias giacenza",
    "created_at": "createdat created dateadded creationtimestamp publishedat releasedate creationdate "
    "上架时间 创建时间 发布时间",
    "expires_at": "expiresat expirationdate expirationtimestamp",
    "image_url": "imageurl imagelink image imagesrc img imgurl images picture thumbnail baseimage "
    "imageurlsxyz productimagefile1 图片 主图 图片链接 图片地址 商品图片 bild bilder bildurl imagen "
    "immagine",
    "image_vector": "imagevector imageembedding imagevectors 图片向量",
    "url": "url link producturl permalink itemurl 链接 商品链接 商品地址 lien enlace",
    "language": "language lang locale",
    "attributes": "attributes attrs",
}
EVENT_FIELDS: Final = tuple(_EVENT_FIELDS)
ITEM_FIELDS: Final = tuple(_ITEM_FIELDS)
_LEVELS: Final = re.compile(r"category(?:l|level)?\d")
_FURTHER: Final[Mapping[str, str]] = {
    "pageview": "view",
    "productview": "view",
    "detail": "view",
    "pv": "view",
    "cart": "add_to_cart",
    "basket": "add_to_cart",
    "atc": "add_to_cart",
    "transaction": "purchase",
    "order": "purchase",
    "buy": "purchase",
    "bought": "purchase",
    "sale": "purchase",
    "checkout": "purchase",
    "fav": "wishlist",
    "favorite": "wishlist",
    "favourite": "wishlist",
    "rate": "rating",
    "returned": "return",
    "viewedproduct": "view",
    "productviewed": "view",
    "addedtocart": "add_to_cart",
    "placedorder": "purchase",
    "orderedproduct": "purchase",
    "browse": "view",
    "visit": "view",
    "productpurchased": "purchase",
    "purchased": "purchase",
    "ordered": "purchase",
    "orderplaced": "purchase",
    "sold": "purchase",
    "checkoutcompleted": "purchase",
    "initiatecheckout": "add_to_cart",
    "addtobasket": "add_to_cart",
    "addedtobasket": "add_to_cart",
    "addtobag": "add_to_cart",
    "addedtobag": "add_to_cart",
    "removedfromcart": "remove_from_cart",
    "refunded": "return",
    "clicked": "click",
    "productclick": "click",
    "loved": "like",
    "wishlistadd": "wishlist",
    "addedtowishlist": "wishlist",
    "favorited": "wishlist",
    "favourited": "wishlist",
    "rated": "rating",
    "reviewed": "review",
    "浏览": "view",
    "查看": "view",
    "访问": "view",
    "瀏覽": "view",
    "点击": "click",
    "點擊": "click",
    "加购": "add_to_cart",
    "加购物车": "add_to_cart",
    "加入购物车": "add_to_cart",
    "加購": "add_to_cart",
    "购买": "purchase",
    "下单": "purchase",
    "成交": "purchase",
    "支付": "purchase",
    "購買": "purchase",
    "收藏": "wishlist",
    "评分": "rating",
    "评论": "review",
    "评价": "review",
    "退货": "return",
    "退款": "return",
    "分享": "share",
    "搜索": "search",
    "曝光": "impression",
    "ansicht": "view",
    "angesehen": "view",
    "aufruf": "view",
    "klick": "click",
    "warenkorb": "add_to_cart",
    "gekauft": "purchase",
    "kauf": "purchase",
    "bestellung": "purchase",
    "merkzettel": "wishlist",
    "retoure": "return",
    "vue": "view",
    "clic": "click",
    "panier": "add_to_cart",
    "achat": "purchase",
    "commande": "purchase",
    "retour": "return",
    "vista": "view",
    "carrito": "add_to_cart",
    "compra": "purchase",
    "devolucion": "return",
    "devolución": "return",
    "acquisto": "purchase",
    "produktansicht": "view",
    "seitenaufruf": "view",
    "indenwarenkorb": "add_to_cart",
    "rückgabe": "return",
    "rückerstattung": "return",
    "ajoutaupanier": "add_to_cart",
    "consultation": "view",
    "remboursement": "return",
    "visualización": "view",
    "visualizacion": "view",
    "añadiralcarrito": "add_to_cart",
    "agregaralcarrito": "add_to_cart",
    "visualizzazione": "view",
    "aggiungialcarrello": "add_to_cart",
    "reso": "return",
    "carrello": "add_to_cart",
}
"""Names of logs of other shops: Retailrocket, REES46, Taobao and the like, and in the languages of `_EVENT_FIELDS`."""


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """A name without case, spaces and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()


def columns_of(
    found: Sequence[str], fields: Sequence[str], told: Mapping[str, str], *, item: bool = False
) -> dict[str, str]:
    """Our field -> the column that holds it. What was told comes first, then our own name, then other spellings."""
    table = _ITEM_FIELDS if item else _EVENT_FIELDS
    by_name, taken = {name.strip(): name for name in found}, dict[str, str]()
    ours = {spelled(theirs): field for theirs, field in told.items()}
    for name in found:
        field = ours.get(spelled(name))
        if field is not None:
            taken.setdefault(field, name)
    left = {spelled(name): name for name in reversed(found) if name not in taken.values()}
    for field in fields:
        if field in taken:
            continue
        if field in by_name and by_name[field] not in taken.values():
            taken[field] = by_name[field]
            continue
        for spelling in table[field].split():
            if spelling in left and left[spelling] not in taken.values() and left[spelling] not in fields:
                taken[field] = left[spelling]
                break
    return taken


def category_levels(found: Iterable[str]) -> list[str]:
    """Columns that hold one level of a category each: CATEGORY_L1, CATEGORY_L2, ..."""
    return sorted((name for name in found if _LEVELS.fullmatch(spelled(name))), key=spelled)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` resembles most; None where it resembles none."""
    by_spelling = {spelled(k): k for k in known}
    close = difflib.get_close_matches(spelled(name), by_spelling, 1, 0.6)
    return by_spelling[close[0]] if close else None


class EventTypeNames:
    """A file's own name of a type of event -> ours; names that nobody knows stay as they are."""

    def __init__(self, told: Mapping[str, str], event_types: Mapping[str, EventType]) -> None:
        self._told = {spelled(theirs): ours for theirs, ours in told.items()}
        self._types = event_types
        self._further: dict[str, str] = {}
        for names in (_FURTHER, SEGMENT, GA4, PERSONALIZE, ALIASES, {name: name for name in EVENT_TYPES}):
            self._further |= {spelled(theirs): ours for theirs, ours in names.items()}
        self._further |= {spelled(name): name for name in event_types}

    def __call__(self, name: str) -> str:
        """Our name of the type."""
        told = self._told.get(spelled(name))
        if told is not None:
            return told
        if name in self._types:
            return name
        return self._further.get(spelled(name), name)
