// A list as a composable: const { list, error } = useEndcapList(kit, () => ({ scenario: 'home', limit: 8, fields: ['title'] }));
import { nextTick, ref, watchEffect } from 'vue';

export function useEndcapList(kit, request) {
  const list = ref(), error = ref();
  watchEffect(async stop => {
    let gone = false;
    stop(() => { gone = true; });
    try {
      const found = await kit.list(request());
      if (gone) return;
      list.value = found;
      await nextTick();
      kit.watch?.();
    } catch (problem) { if (!gone) error.value = problem; }
  });
  return { list, error };
}
