"""What shop systems send: `message`, `shopify`, `woocommerce`, `commercetools`, `signatures`, `products`."""
