import { defineTexts } from '../../app/texts';

const english = {
  title: 'Permissions',
  add: 'Add permission',
  own: (right: string) => `Your own right here: ${right}.`,
  ownHelp: {
    read: 'You can see and pull. Someone who manages it, or an administrator of the account, can give you more.',
    write: 'You can pull, push and edit. Someone who manages it, or an administrator of the account, can give you more.',
    manage: 'You can do everything here.',
  },
  managers: (names: string) => `Who can give rights: ${names}.`,
  imageNote: 'Write on an image lets its holder push tags to this image. It does not allow new images in the organization, nor uploads through the console: these need the write right on the organization.',
  administrators: 'Administrators of the account manage everything in it without being listed here.',
  columns: { user: 'User', source: 'Comes from', actions: '' },
  means: {
    read: 'See and pull',
    write: 'Also push, edit, and add triggers',
    manage: 'Also delete, share, set retention, and give rights',
  },
  you: 'you',
  rightOf: (user: string) => `Right of ${user}`,
  fromOrganization: (org: string) => `Organization ${org}`,
  fromAdministrator: 'Administrator of the account',
  byShare: 'You pull this image by a share',
  byPublic: 'You pull this image because it is public',
  notTold: 'Who else has rights on it is told to those only who have been given a right themselves.',
  fromImage: 'This image',
  fromHere: 'This organization',
  stronger: 'The right on the organization is stronger and holds.',
  modify: 'Modify',
  modifyOf: (user: string) => `Modify the right of ${user}`,
  deleteOf: (user: string) => `Delete the right of ${user}`,
  saveOf: (user: string) => `Save the right of ${user}`,
  saved: (user: string, right: string) => `${user} now has: ${right}`,
  filter: 'User name',
  none: 'Nobody else has a right here',
  noneHelp: 'Administrators of the account can do everything all the same.',
  dialog: {
    title: 'Add permission',
    users: 'Users',
    usersPlaceholder: 'Type a name',
    usersHelp: 'Users of your account who have no right here yet',
    nobody: 'No such user, or they have a right here already',
    groups: 'Add the members of a group',
    groupsHelp: 'Rights are given to people: later members of the group do not get them by themselves.',
    ids: 'User IDs',
    idsHelp: 'Only administrators of the account may list its users. Ask the person for their user ID: 32 characters, under "My account". Separate several by spaces.',
    idsWrong: 'A user ID has 32 characters: digits and the letters a to f.',
    right: 'Right',
    submit: 'Add',
    added: (n: number) => (n === 1 ? '1 user was given a right' : `${n} users were given a right`),
  },
  remove: {
    title: (user: string) => `Delete the right of ${user}`,
    goes: (right: string, place: string) => `the right "${right}" on ${place}; it ends at once`,
    staysUser: (user: string) => `the user ${user}`,
    staysOrganization: (right: string, org: string) => `the right "${right}" on the organization ${org}`,
    confirm: 'Delete right',
    done: (user: string) => `${user} has no right here any more`,
    self: 'You take your own right away.',
  },
};

/** What a translation has to have. */
export type RightsWords = typeof english;

/** Words about rights. */
export const rightsTexts = defineTexts(english, () => import('./texts.zh'));
