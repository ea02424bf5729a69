"""The demo shop: static pages that use the storefront kit alone (`static/`), served at /shop/."""
