// All that the shop says, in English and in Chinese; both have the same keys.
export const WORDS = {
  en: {
    shop: 'Marigold & Moss', tagline: 'Gifts, home and garden',
    home: 'Home', search: 'Search', searchFor: 'Search the shop', cart: 'Basket', language: '中文', studio: 'Open the studio',
    hello: 'Small things that make a house a home', helloText: 'A demonstration shop on the orders of a real one (2010–2011). Look around: every list follows what you do, within a second.',
    forYou: 'For you', forYouHint: 'reordered by all that you do here', popular: 'Loved by others right now', abroad: 'If you come from', country: 'Country', abroadHint: 'what is bought there counts, until the shop knows you better', again: 'Buy it again',
    found: 'Found for “{0}”', nearest: 'Nothing is called “{0}”; this comes nearest', inDepartment: '{0}', similar: 'More like this', andAlso: 'Would go well with it', cartAlso: 'Before you go',
    add: 'Add to basket', added: 'In your basket', remove: 'Remove', empty: 'Your basket is empty.', total: 'Total', order: 'Place the order',
    thanks: 'Thank you!', thanksText: 'Order {0} is placed. Nobody will send you anything: this is a demonstration.', on: 'Go on looking',
    review: 'What do you think of it?', reviewHint: 'For example: lovely colours, but it broke when it arrived', send: 'Send', sent: 'Thank you; the lists have heard it.',
    busy: 'That was a lot at once. Lists will be back in a moment.', offline: 'No lists can be had: there is no connection.', later: 'No lists can be had right now.', retry: 'Try again',
    notFound: 'There is no such thing here.', nothing: 'Nothing to show yet.', quantity: '{0} ×',
    why: 'Why?', paneTitle: 'What the shop knows of you', nobody: 'Nothing. Lists follow what you do on this page, and that is gone when you leave: no cookie, no id, no record.',
    remember: 'Remember me', forget: 'Forget me', remembered: 'You are visitor {0}. It says nothing about who you are.',
    summary: 'In words', tags: 'Interests', recent: 'Last seen doing', aspects: 'From your reviews', version: 'profile {0}',
    soon: 'Do something, and it will show here.', closed: 'This pane reads profiles as a shop’s own server may; here it is not let in.',
    view: 'looked at', click: 'clicked on', add_to_cart: 'into the basket:', remove_from_cart: 'out of the basket:', purchase: 'bought', search_: 'searched', impression: 'was shown', review_: 'reviewed',
    ago: '{0} s ago', agoMin: '{0} min ago', door: 'The storefront door is closed here. Start with: endcap local --param Storefront=on',
    asking: 'May this shop remember what you look at, to show you more of what you like?', yes: 'Yes, remember', no: 'No, thank you',
    departments: { kitchen: 'Kitchen & baking', light: 'Lights & candles', bag: 'Bags', paper: 'Cards & paper', decor: 'Decoration', garden: 'Garden', play: 'Toys & parties', christmas: 'Christmas' },
  },
  zh: {
    shop: '金盏与苔', tagline: '礼品、家居与花园',
    home: '首页', search: '搜索', searchFor: '在店内搜索', cart: '购物车', language: 'English', studio: '打开工作台',
    hello: '让房子成为家的小物', helloText: '一家演示店铺，商品来自一家真实店铺的订单（2010–2011）。随便逛逛：每个列表都会在一秒内跟上您的举动。',
    forYou: '为您推荐', forYouHint: '随您在此的一切举动而重排', popular: '大家正在看', abroad: '如果您来自', country: '国家', abroadHint: '在店铺了解您之前，当地人买什么就推荐什么', again: '再次购买',
    found: '“{0}”的搜索结果', nearest: '没有名为“{0}”的商品；以下最为接近', inDepartment: '{0}', similar: '相似的商品', andAlso: '也许还搭配', cartAlso: '离开之前',
    add: '加入购物车', added: '已在购物车中', remove: '移除', empty: '购物车是空的。', total: '合计', order: '提交订单',
    thanks: '谢谢您！', thanksText: '订单 {0} 已提交。不会有任何东西寄出：这只是演示。', on: '继续逛',
    review: '您觉得它怎么样？', reviewHint: '例如：颜色很好看，但是到货时已经坏了', send: '发送', sent: '谢谢，列表已经听到了。',
    busy: '操作太频繁，列表稍后就会恢复。', offline: '没有网络连接，暂时无法显示列表。', later: '暂时无法显示列表。', retry: '重试',
    notFound: '这里没有这件商品。', nothing: '暂时没有可显示的。', quantity: '{0} ×',
    why: '为什么？', paneTitle: '店铺对您的了解', nobody: '一无所知。列表只跟随您在本页的举动，离开后即消失：没有 Cookie，没有编号，没有记录。',
    remember: '记住我', forget: '忘记我', remembered: '您是访客 {0}。这个编号不会说明您是谁。',
    summary: '用话来说', tags: '兴趣', recent: '最近的举动', aspects: '来自您的评价', version: '第 {0} 版画像',
    soon: '做点什么，这里就会显示。', closed: '此栏像店铺自己的服务器那样读取画像；在这里没有权限。',
    view: '看了', click: '点了', add_to_cart: '放入购物车：', remove_from_cart: '移出购物车：', purchase: '买了', search_: '搜索了', impression: '看到了', review_: '评价了',
    ago: '{0} 秒前', agoMin: '{0} 分钟前', door: '店面入口没有打开。请这样启动：endcap local --param Storefront=on',
    asking: '本店可以记住您看过什么，以便推荐您更喜欢的商品吗？', yes: '可以', no: '不了，谢谢',
    departments: { kitchen: '厨房与烘焙', light: '灯与蜡烛', bag: '包袋', paper: '卡片与纸品', decor: '装饰', garden: '花园', play: '玩具与派对', christmas: '圣诞' },
  },
};

const asked = new URLSearchParams(location.search).get('language') || localStorage['shop.language'] || navigator.language;
export const language = asked.toLowerCase().startsWith('zh') ? 'zh' : 'en';
export const words = WORDS[language];
export const say = (name, ...parts) => words[name].replace(/\{(\d)\}/g, (_, n) => parts[n]);
export const CURRENCY = 'GBP';
export const money = amount => amount == null ? '' : new Intl.NumberFormat(language == 'zh' ? 'zh-CN' : 'en-GB', { style: 'currency', currency: CURRENCY }).format(amount);
