___TERMS_OF_SERVICE___

By creating or modifying this file you agree to Google Tag Manager's Community Template Gallery Developer Terms of Service
available at https://developers.google.com/tag-manager/gallery-tos (or such other URL as Google may provide), as modified
from time to time.


___INFO___

{
  "type": "TAG",
  "id": "endcap",
  "version": 1,
  "securityGroups": [],
  "displayName": "Endcap",
  "brand": {"id": "endcap", "displayName": "Endcap"},
  "description": "Tells Endcap's storefront kit what GA4 e-commerce events say; the kit's script is on the page.",
  "containerContexts": ["WEB"]
}


___TEMPLATE_PARAMETERS___

[
  {
    "type": "TEXT",
    "name": "event",
    "displayName": "GA4 event",
    "simpleValueType": true,
    "defaultValue": "{{Event}}",
    "valueValidators": [{"type": "NON_EMPTY"}]
  },
  {
    "type": "TEXT",
    "name": "ecommerce",
    "displayName": "Its ecommerce object (a data layer variable)",
    "simpleValueType": true
  },
  {
    "type": "TEXT",
    "name": "term",
    "displayName": "Words of a search (a data layer variable)",
    "simpleValueType": true
  }
]


___SANDBOXED_JS_FOR_WEB_TEMPLATE___

const callInWindow = require('callInWindow');
const makeString = require('makeString');
const makeNumber = require('makeNumber');

const items = (data.ecommerce && data.ecommerce.items) || [];
const kinds = {
  view_item: 'view', add_to_cart: 'add_to_cart', remove_from_cart: 'remove_from_cart', add_to_wishlist: 'wishlist', refund: 'return'
};

if (data.event === 'purchase') {
  callInWindow('endcap', 'order', makeString(data.ecommerce.transaction_id), items.map(function (item) {
    return {item_id: makeString(item.item_id), price: makeNumber(item.price || 0), quantity: makeNumber(item.quantity || 1)};
  }));
} else if (data.event === 'search' || data.event === 'view_search_results') {
  if (data.term) callInWindow('endcap', 'search', makeString(data.term));
} else if (kinds[data.event]) {
  items.forEach(function (item) { callInWindow('endcap', 'track', kinds[data.event], makeString(item.item_id)); });
}

data.gtmOnSuccess();


___WEB_PERMISSIONS___

[
  {
    "instance": {
      "key": {"publicId": "access_globals", "versionId": "1"},
      "param": [
        {
          "key": "keys",
          "value": {
            "type": 2,
            "listItem": [
              {
                "type": 3,
                "mapKey": [
                  {"type": 1, "string": "key"}, {"type": 1, "string": "read"},
                  {"type": 1, "string": "write"}, {"type": 1, "string": "execute"}
                ],
                "mapValue": [
                  {"type": 1, "string": "endcap"}, {"type": 8, "boolean": false},
                  {"type": 8, "boolean": false}, {"type": 8, "boolean": true}
                ]
              }
            ]
          }
        }
      ]
    },
    "clientAnnotations": {"isEditedByUser": true},
    "isRequired": true
  }
]


___TESTS___

scenarios: []


___NOTES___

The kit reads consent itself (data-consent="google").
