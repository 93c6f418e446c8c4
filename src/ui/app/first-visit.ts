// Whether somebody wants to see the set-up later. It is of this tab only: what is set up, the server knows.
const NAME = 'drover-setup-later';

export const isSetupSkipped = (): boolean => sessionStorage.getItem(NAME) !== null;
export const skipSetup = (): void => sessionStorage.setItem(NAME, 'yes');
