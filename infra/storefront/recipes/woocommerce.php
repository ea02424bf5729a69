<?php
/**
 * Plugin Name: Endcap
 * Description: Lists that follow the shopper, and the events that they follow.
 * Requires at least: 6.3
 * Requires PHP: 8.0
 *
 * As wp-content/plugins/endcap/endcap.php, with endcap.js and shopper.php beside it. In wp-config.php:
 * define('ENDCAP_BASE', 'https://d123.cloudfront.net/storefront'); define('ENDCAP_SECRET', '...');
 */

defined('ABSPATH') || exit;
require_once __DIR__ . '/shopper.php';

add_action('wp_enqueue_scripts', function (): void {
    wp_enqueue_script('endcap', plugins_url('endcap.js', __FILE__), [], '0.1.0', ['strategy' => 'defer', 'in_footer' => false]);
    wp_add_inline_script('endcap', 'window.endcap=window.endcap||function(){(endcap.q=endcap.q||[]).push(arguments)};' . endcap_said(), 'before');
});

add_filter('script_loader_tag', function (string $tag, string $handle): string {
    if ($handle !== 'endcap') {
        return $tag;
    }
    $data = ['base' => ENDCAP_BASE, 'consent' => apply_filters('endcap_consent', 'google')];
    if (is_user_logged_in()) { // a page that a cache keeps for everybody must not hold it: leave it out there
        $data['shopper'] = endcap_shopper_token((string) get_current_user_id(), ENDCAP_SECRET);
    }
    $told = '';
    foreach ($data as $name => $value) {
        $told .= sprintf(' data-%s="%s"', $name, esc_attr($value));
    }
    return preg_replace('/(<script\b)(?=[^>]*\bsrc=)/', '$1' . str_replace('$', '\$', $told), $tag, 1);
}, 10, 2);

/** What this page is about, as calls of the kit. */
function endcap_said(): string
{
    $calls = [];
    if (is_product()) {
        $calls[] = ['view', endcap_item(wc_get_product())];
    } elseif (is_search()) {
        $calls[] = ['search', get_search_query(false)];
    } elseif (is_order_received_page() && ($order = wc_get_order(absint(get_query_var('order-received')))) && $order->key_is_valid(wc_clean(wp_unslash($_GET['key'] ?? '')))) {
        $lines = [];
        foreach ($order->get_items() as $line) {
            if ($product = $line->get_product()) {
                $lines[] = ['item_id' => endcap_item($product), 'quantity' => $line->get_quantity(), 'price' => (float) $order->get_item_total($line, true)];
            }
        }
        $calls[] = ['order', $order->get_order_number(), $lines];
    }
    $told = '';
    foreach ($calls as $call) {
        $told .= 'endcap(' . implode(',', array_map(fn ($given) => wp_json_encode($given, JSON_HEX_TAG | JSON_HEX_AMP), $call)) . ');';
    }
    return $told;
}

/** The id that the catalogue has it under: the SKU, or the number where there is none. */
function endcap_item(WC_Product $product): string
{
    return $product->get_sku() ?: (string) $product->get_id();
}

// Into the basket without a new page: WooCommerce tells jQuery.
add_action('wp_footer', function (): void {
    wp_print_inline_script_tag("window.jQuery&&jQuery(document.body).on('added_to_cart',function(e,f,h,b){var id=b&&(b.data('product_sku')||b.data('product_id'));if(id)endcap('cart',String(id))});");
});

// [endcap surface="home, top" limit="8"] in a page or a template part.
add_shortcode('endcap', function ($given): string {
    $allowed = array_intersect_key((array) $given, array_flip(['surface', 'limit', 'item', 'scenario', 'window', 'category', 'q']));
    $told = '';
    foreach ($allowed as $name => $value) {
        $told .= sprintf(' %s="%s"', $name, esc_attr($value));
    }
    return "<endcap-list{$told}><ul class=\"products\" data-ec-slot></ul><template><li class=\"product\"><a data-ec-href=\"url\">"
        . '<img data-ec-src="image_url" data-ec-alt="title"><h2 class="woocommerce-loop-product__title" data-ec-text="title"></h2>'
        . '<span class="price" data-ec-text="price" data-ec-currency="' . esc_attr(get_woocommerce_currency()) . '"></span></a></li></template></endcap-list>';
});
