// The most that the HTTP library can do: every POST gets the same reply, taken from a file. The daemon is
// started as src/net starts it, so that what is left between this and Atoll is Atoll's own work.
//
//     ceiling PORT REPLY_FILE
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct MHD_Response *reply;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	static int seen;
	(void)context, (void)url, (void)method, (void)version, (void)upload;
	if (*state == NULL) {
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, reply);
}

static struct MHD_Response *read_reply(const char *path)
{
	static char body[1 << 16];
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return NULL;
	size_t size = fread(body, 1, sizeof(body), file);
	fclose(file);
	struct MHD_Response *made = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_PERSISTENT);
	if (made != NULL && MHD_add_response_header(made, "Content-Type", "application/json") != MHD_YES)
		return NULL;
	return made;
}

int main(int argc, char **argv)
{
	if (argc != 3 || (reply = read_reply(argv[2])) == NULL) {
		fprintf(stderr, "usage: ceiling PORT REPLY_FILE\n");
		return 2;
	}
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_BLOCK, &ending, NULL);

	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(argv[1])),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct MHD_OptionItem pool[] = {
		{cores > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)cores, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, NULL,
		MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 1024U,
		MHD_OPTION_CONNECTION_TIMEOUT, 60U, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr, "ceiling: cannot listen on port %s\n", argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	int signal_no;
	sigwait(&ending, &signal_no);
	MHD_stop_daemon(daemon);
	MHD_destroy_response(reply);
	return 0;
}
