// A list as a hook: const { list, error } = useEndcapList(kit, { scenario: 'home', limit: 8, fields: ['title'] });
import { useEffect, useState } from 'react';

export function useEndcapList(kit, request) {
  const [state, set] = useState({});
  const asked = JSON.stringify(request);
  useEffect(() => {
    let gone = false;
    kit?.list(JSON.parse(asked)).then(list => gone || set({ list }), error => gone || set({ error }));
    return () => { gone = true; };
  }, [kit, asked]);
  useEffect(() => { kit?.watch(); });
  return state;
}
