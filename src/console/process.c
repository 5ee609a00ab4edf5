#include "console/process.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/exposition.h"
#include "base/workers.h"

enum { PROC_BYTES_MAX = 4096 };

static void gauge(struct buffer *out, const char *name, const char *help, double value)
{
	exposition_single(out, name, "gauge", help, value);
}

// -- /proc/self/stat ----------------------------------------------------------------------------------

// proc(5): what follows the command's name, which may hold anything, begins with field 3.
enum {
	FIELD_FIRST = 3,
	FIELD_USER_TIME = 14,
	FIELD_SYSTEM_TIME = 15,
	FIELD_THREADS = 20,
	FIELD_START = 22,
	FIELD_VIRTUAL = 23,
	FIELD_RESIDENT = 24,
	FIELDS = 25
};

// /proc's files tell no size, so that they cannot be read as others are.
static bool read_proc(const char *path, char *text, size_t size)
{
	struct error ignored;
	OWNED(fd) int fd = -1;
	if (!disk_open(path, 0, &fd, &ignored))
		return false;
	ssize_t got = read(fd, text, size - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return true;
}

static bool read_fields(unsigned long long fields[FIELDS])
{
	char text[PROC_BYTES_MAX];
	if (!read_proc("/proc/self/stat", text, sizeof(text)))
		return false;
	char *at = strrchr(text, ')');
	if (!at)
		return false;
	at += 4; // ") S "
	for (int field = FIELD_FIRST + 1; field < FIELDS; field++)
		fields[field] = strtoull(at, &at, 10);
	return true;
}

static double boot_time_s(void)
{
	char text[PROC_BYTES_MAX * 4];
	const char *at = read_proc("/proc/stat", text, sizeof(text)) ? strstr(text, "\nbtime ") : NULL;
	return at ? strtod(at + 7, NULL) : 0;
}

static void write_stat(struct buffer *out)
{
	unsigned long long fields[FIELDS];
	double ticks = (double)sysconf(_SC_CLK_TCK);
	double page = (double)sysconf(_SC_PAGESIZE);
	if (!read_fields(fields))
		return;
	exposition_single(out, "process_cpu_seconds_total", "counter", "CPU time that the process took.",
			  (double)(fields[FIELD_USER_TIME] + fields[FIELD_SYSTEM_TIME]) / ticks);
	gauge(out, "process_resident_memory_bytes", "Memory of the process.",
	      (double)fields[FIELD_RESIDENT] * page);
	gauge(out, "process_virtual_memory_bytes", "Address space of the process.",
	      (double)fields[FIELD_VIRTUAL]);
	gauge(out, "process_threads", "Threads of the process.", (double)fields[FIELD_THREADS]);
	double boot_s = boot_time_s();
	if (boot_s > 0)
		gauge(out, "process_start_time_seconds", "When the process began, in seconds since 1970.",
		      boot_s + (double)fields[FIELD_START] / ticks);
}

// -- descriptors --------------------------------------------------------------------------------------

static int count_descriptors(void)
{
	int count = 0;
	DIR *list = opendir("/proc/self/fd");
	if (!list)
		return 0;
	while (readdir(list))
		count++;
	closedir(list);
	return count - 3; // ".", "..", and the folder itself
}

static void write_descriptors(struct buffer *out)
{
	struct rlimit files;
	gauge(out, "process_open_fds", "Open file descriptors.", count_descriptors());
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		gauge(out, "process_max_fds", "File descriptors that may be open.", (double)files.rlim_cur);
}

// -- the rest -----------------------------------------------------------------------------------------

static void write_workers(struct workers *workers, struct buffer *out)
{
	struct workers_numbers numbers;
	workers_tell_numbers(workers, &numbers);
	exposition_family(out, "atoll_workers", "gauge", "Threads for what may block, by what they do.");
	int rest = numbers.idle + numbers.aside + numbers.waiting;
	exposition_number(out, "atoll_workers", LABELS("state", "idle"), numbers.idle);
	exposition_number(out, "atoll_workers", LABELS("state", "busy"),
			  numbers.threads > rest ? numbers.threads - rest : 0);
	exposition_number(out, "atoll_workers", LABELS("state", "aside"), numbers.aside);
	exposition_number(out, "atoll_workers", LABELS("state", "waiting"), numbers.waiting);
	gauge(out, "atoll_workers_max", "Threads that the pool may have (workers-max).",
	      numbers.thread_count_max);
	gauge(out, "atoll_workers_queue", "Tasks that wait for a thread.", numbers.queued);
}

static void write_disk(const char *data_folder, struct buffer *out)
{
	uint64_t free_bytes;
	struct error ignored;
	if (disk_free_bytes(data_folder, &free_bytes, &ignored))
		gauge(out, "atoll_disk_free_bytes", "Room that is left on the data folder's disk.",
		      (double)free_bytes);
}

void process_write_metrics(struct workers *workers, const char *data_folder, struct buffer *out)
{
	exposition_family(out, "atoll_build_info", "gauge", "Always 1; the labels tell the version.");
	exposition_count(out, "atoll_build_info", LABELS("version", ATOLL_VERSION), 1);
	write_stat(out);
	write_descriptors(out);
	write_workers(workers, out);
	struct mallinfo2 heap = mallinfo2();
	gauge(out, "atoll_heap_bytes", "Memory that the process has allocated, SQLite's caches included.",
	      (double)heap.uordblks + (double)heap.hblkhd);
	write_disk(data_folder, out);
}
