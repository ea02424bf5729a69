import type { Ref } from 'vue';
import type { Kit, List, ListRequest } from './endcap.js';

/** Give the list's element `:data-ec-list="list.recommendation_id"`, and each item `data-ec-item` and `data-ec-position`. */
export function useEndcapList(kit: Kit, request: () => ListRequest): { list: Ref<List | undefined>; error: Ref<Error | undefined> };
