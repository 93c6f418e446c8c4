// The words of downloads, wherever one is shown.
export const downloads = {
  title: 'Downloads',
  label: (name: string) => `Download of ${name}`,
  states: {
    queued: 'Waiting its turn',
    downloading: 'Downloading',
    paused: 'Paused',
    verifying: 'Checking',
    finished: 'Here',
    failed: 'Failed',
    cancelled: 'Cancelled',
  },
  left: (time: string) => `${time} left`,
  of: (done: string, total: string) => `${done} of ${total}`,
  pause: (name: string) => `Pause ${name}`,
  resume: (name: string) => `Go on with ${name}`,
  cancel: (name: string) => `Cancel ${name}`,
  again: 'Try again',
  retry: 'It is tried again by itself.',
  forget: (name: string) => `Take ${name} off the list`,
  chat: 'Chat',
  running: (count: number) => (count === 1 ? '1 download' : `${count} downloads`),
} as const;
