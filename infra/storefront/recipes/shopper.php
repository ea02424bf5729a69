<?php
// PHP 8: the token by which the page says who has signed in. Keep the secret on the server.

function endcap_shopper_token(string $user_id, string $secret, int $seconds = 3600): string
{
    $part = fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $told = $part('{"alg":"HS256","typ":"JWT"}') . '.'
        . $part(json_encode(['sub' => $user_id, 'exp' => time() + $seconds], JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE));
    return $told . '.' . $part(hash_hmac('sha256', $told, $secret, true));
}
