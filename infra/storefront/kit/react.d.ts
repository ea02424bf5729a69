import type { List, ListRequest, WebKit } from './endcap.js';

/** Give the list's element `data-ec-list={list.recommendation_id}`, and each item `data-ec-item` and `data-ec-position`. */
export function useEndcapList(kit: WebKit | null, request: ListRequest): { list?: List; error?: Error };
