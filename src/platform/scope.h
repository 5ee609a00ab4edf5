/// scope: what a platform token may do when it is not good for everything (spec/platform-api.md §2.4).
#ifndef ATOLL_PLATFORM_SCOPE_H
#define ATOLL_PLATFORM_SCOPE_H

/// A set is the sum of its members.
enum scope {
	SCOPE_NONE = 0, // no resource of an organization is touched
	SCOPE_READ = 1,
	SCOPE_DB_CREATE = 2,
	SCOPE_DB_DELETE = 4,
	SCOPE_DB_CONFIGURE = 8,
	SCOPE_DB_MINT_TOKEN = 16,
	SCOPE_DB_ROTATE_CREDS = 32,
	SCOPE_GROUP_CONFIGURE = 64,
	SCOPE_GROUP_MINT_TOKEN = 128,
	SCOPE_GROUP_ROTATE_CREDS = 256,
	SCOPE_ALL = 511,
	// Beyond what a group's token can ever have: members, invites, settings of the organization, making and
	// removing groups.
	SCOPE_ORGANIZATION = 512
};

#endif
