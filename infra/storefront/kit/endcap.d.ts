/** Consent: undecided (nothing is asked or kept), given, or refused (lists by what is done on the page alone). */
export type Consent = 'pending' | 'granted' | 'denied';

export type EventType =
  | 'view' | 'click' | 'impression' | 'add_to_cart' | 'remove_from_cart' | 'purchase' | 'return' | 'rating' | 'review'
  | 'search' | 'like' | 'dislike' | 'wishlist' | 'share';

/** What may be said of an event besides its type and item. */
export interface EventDetails {
  event_id?: string;
  /** A grade from 0.5 to 5 of a rating or review. */
  value?: number;
  text?: string;
  session_id?: string;
  recommendation_id?: string;
  position?: number;
  properties?: Record<string, string | number | boolean>;
}

export interface OrderLine {
  item_id: string;
  price?: number;
  quantity?: number;
  [property: string]: string | number | boolean | undefined;
}

/** What list: for the visitor; like `item`; found by `q`; in demand in `window`. */
export interface ListRequest {
  item?: string;
  q?: string;
  window?: string;
  category?: string;
  scenario?: string;
  /** Where the list stands, in the shop's own words; Results tell it apart by that. */
  surface?: string;
  limit?: number;
  fields?: string[];
  /** Of the reasons: `en`, `zh`, or a page's tag such as `zh-Hant`; for others that of most items serves. */
  language?: string;
  /** Whether items come with reasons; false by default. */
  explain?: boolean;
  candidates?: string[];
  context?: Record<string, string>;
  cursor?: string;
}

export interface ListItem {
  item_id: string;
  rank: number;
  score: number;
  source: string;
  title?: string;
  price?: number;
  url?: string;
  image_url?: string;
  /** What speaks for the item, the strongest first. */
  reasons: { kind: string; weight: number; text: string }[];
  [field: string]: unknown;
}

export interface List {
  recommendation_id: string;
  items: ListItem[];
  source: string;
  snapshot_version: string;
  profile_version: number;
  cursor?: string;
  degraded?: { reason: string; lost: string[] };
}

/** `kit.wishlist('42')` is `kit.track('wishlist', '42')`, and so for each type. */
type Deeds = { [type in Exclude<EventType, 'search'>]: (item_id: string, details?: EventDetails) => void };

export interface Kit extends Deeds {
  readonly state: Consent;
  /** What is none of the three changes nothing, and is said on the console. */
  consent(now: Consent): void;
  /** Who has signed in, by the token that the shop's back end signs; null for signing out. */
  identify(token: string | null): Promise<void>;
  track(type: EventType, item_id?: string, details?: EventDetails): void;
  cart(item_id: string, details?: EventDetails): void;
  search(text: string, details?: EventDetails): void;
  order(order_id: string | number, lines: OrderLine[]): void;
  /** Waits while consent is pending. Throws what the door answers other than a list, with the first of its `errors` as message. */
  list(request?: ListRequest): Promise<List>;
  /** Sends what waits now; with `leaving` in a way that outlives the page. */
  flush(leaving?: boolean): Promise<void>;
  /** Says that the network is back. */
  online(): void;
}

export interface WebKit extends Kit {
  /** Counts clicks and what is seen in lists that have come since: [data-ec-list] [data-ec-item]. */
  watch(root?: ParentNode): void;
}

export interface Options {
  /** Where the door answers, without a slash at its end; `/storefront` of the page's own site by default. */
  base?: string;
  /** How the visitor is known again: by the door's cookie, or by a token that the page keeps (other sites). */
  visitor?: 'cookie' | 'token';
  /** 'google' follows Google consent mode. */
  consent?: Consent | 'google';
  shopper?: string;
  /** 'ignore' takes no notice of Global Privacy Control, for shops whose own question comes later. */
  gpc?: 'ignore';
  /** The item that the page is about. */
  view?: string;
  debug?: string;
}

export function start(options?: Options): WebKit;

/** What the kit needs of where it runs. */
export interface Port {
  id(): string;
  get(key: string): string | null | undefined;
  set(key: string, value: string): void;
  del(key: string): void;
  keys(start: string): string[];
  query(names: Record<string, unknown>): { toString(): string };
  /** The id in a shopper's token. */
  subject(token: string): string;
  /** What `what` gives, or null where another tab is at it. */
  lock(what: () => Promise<unknown>): Promise<unknown>;
  send(path: string, headers: Record<string, string>, body?: string | null, leaving?: boolean, known?: boolean):
    Promise<{ status: number; json: unknown; after?: string | number | null }>;
}

/** What the kits of a page and of a mini-program are made of; it takes words of consent as they are. */
export function core(port: Port, options?: { cookie?: boolean; warn?: (...told: unknown[]) => void; expired?: () => void }):
  Pick<Kit, 'state' | 'consent' | 'identify' | 'track' | 'list' | 'flush' | 'online'>;
