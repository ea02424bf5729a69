import type { Consent, Kit } from './endcap.js';

export interface MiniOptions {
  /** Where the door answers, with https and its path; it has to be among the mini-program's request domains. */
  base: string;
  consent?: Consent;
  shopper?: string;
  /** The id in a shopper's token; by default each token is somebody of its own. */
  subject?: (token: string) => string;
  expired?: () => void;
  debug?: boolean;
}

/** The kit by WeChat's `wx`, or `uni` of uni-app. */
export function start(api: unknown, options: MiniOptions): Kit;
