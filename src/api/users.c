#include "platform/user.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"

bool api_get_caller(struct api_request *req, struct error *err)
{
	bool has_invites;
	if (!platform_has_invites(req->platform, &req->caller, &has_invites, err))
		return false;
	view_caller(&req->out, &req->caller, has_invites);
	return true;
}

bool api_change_password(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *current = body_text(&fields, "current_password", JSON_OPTIONAL);
	const char *password = body_text(&fields, "password", JSON_REQUIRED);
	if (!json_fields_ok(&fields, err) ||
	    !platform_change_password(req->platform, &req->caller, current, password, &req->retry_ms, err))
		return false;
	view_nothing(&req->out);
	return true;
}

// -- for administrators of the server -----------------------------------------------------------------

bool api_list_users(struct api_request *req, struct error *err)
{
	struct user *users;
	size_t count;
	if (!platform_list_users(req->platform, req->arena, &users, &count, err))
		return false;
	view_users(&req->out, users, count);
	return true;
}

bool api_get_user(struct api_request *req, struct error *err)
{
	struct user user;
	if (!platform_find_user(req->platform, api_param(req, "username"), req->arena, &user, err))
		return false;
	view_user(&req->out, &user);
	return true;
}

bool api_create_user(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct user_wish wish = {
		.username = body_text(&fields, "username", JSON_REQUIRED),
		.email = body_text(&fields, "email", JSON_OPTIONAL),
		.password = body_text(&fields, "password", JSON_OPTIONAL),
		.administrator = json_fields_bool(&fields, "administrator", false),
	};
	if (!json_fields_ok(&fields, err))
		return false;

	struct user user;
	if (!platform_create_user(req->platform, &req->caller, &wish, req->arena, &user, err))
		return false;
	view_user(&req->out, &user);
	return true;
}

// "" takes the address away; absent and null leave it.
static const char *email_change(struct json_fields *fields)
{
	const struct json *node = json_fields_get(fields, "email");
	const char *text = body_text(fields, "email", JSON_OPTIONAL);
	return node && !text ? "" : text;
}

bool api_update_user(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	bool administrator = json_fields_bool(&fields, "administrator", false);
	struct user_change change = {
		.email = email_change(&fields),
		.password = body_text(&fields, "password", JSON_OPTIONAL),
		.administrator = json_fields_get(&fields, "administrator") ? &administrator : NULL,
	};
	if (!json_fields_ok(&fields, err))
		return false;

	struct user user;
	if (!platform_update_user(req->platform, &req->caller, api_param(req, "username"), &change,
				  req->arena, &user, err))
		return false;
	view_user(&req->out, &user);
	return true;
}

bool api_delete_user(struct api_request *req, struct error *err)
{
	const char *username = api_param(req, "username");
	if (!platform_delete_user(req->platform, &req->caller, username, req->arena, err))
		return false;
	view_name(&req->out, "user", username);
	return true;
}
