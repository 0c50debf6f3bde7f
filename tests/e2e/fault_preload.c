// Makes one kind of system call fail from its Nth call on, for files below a folder: built and preloaded by
// test_faults.py.
//
//   FAULT_CALL   pwrite, fdatasync, fsync, rename or open (of a file that it would create)
//   FAULT_KIND   EIO, ENOSPC, EINTR, or short (half of a pwrite)
//   FAULT_NTH    1: the first call;  FAULT_TIMES: how many calls fail, 0: for ever
//   FAULT_PATH   part of the path of the files that count
//   FAULT_MARK   a file that exists afterwards if the fault came
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static const char* setting(const char* name) {
  const char* value = getenv(name);
  return value != NULL ? value : "";
}

static int counts(const char* call, const char* path) {
  if (strcmp(setting("FAULT_CALL"), call) != 0 || strstr(path, setting("FAULT_PATH")) == NULL) return 0;
  const long nth = atol(setting("FAULT_NTH"));
  const long times = atol(setting("FAULT_TIMES"));
  const long now = atomic_fetch_add(&calls, 1) + 1;
  if (now < nth || (times != 0 && now >= nth + times)) return 0;
  int (*really_open)(const char*, int, ...) = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open");
  const int mark = really_open(setting("FAULT_MARK"), O_CREAT | O_WRONLY, 0600);
  if (mark >= 0) close(mark);
  return 1;
}

static int counts_fd(const char* call, int fd) {
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, sizeof path - 1);
  path[n > 0 ? n : 0] = 0;
  return counts(call, path);
}

static int fail(void) {
  const char* kind = setting("FAULT_KIND");
  errno = strcmp(kind, "ENOSPC") == 0 ? ENOSPC : strcmp(kind, "EINTR") == 0 ? EINTR : EIO;
  return -1;
}

static ssize_t pwrite_as(const char* name, int fd, const void* bytes, size_t n, off_t offset) {
  ssize_t (*really)(int, const void*, size_t, off_t) =
      (ssize_t(*)(int, const void*, size_t, off_t))dlsym(RTLD_NEXT, name);
  if (!counts_fd("pwrite", fd)) return really(fd, bytes, n, offset);
  return strcmp(setting("FAULT_KIND"), "short") == 0 ? really(fd, bytes, n / 2, offset) : fail();
}
ssize_t pwrite(int fd, const void* bytes, size_t n, off_t offset) { return pwrite_as("pwrite", fd, bytes, n, offset); }
ssize_t pwrite64(int fd, const void* bytes, size_t n, off64_t offset) {
  return pwrite_as("pwrite64", fd, bytes, n, offset);
}

int fdatasync(int fd) {
  if (counts_fd("fdatasync", fd)) return fail();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
int fsync(int fd) {
  if (counts_fd("fsync", fd)) return fail();
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int rename(const char* from, const char* to) {
  if (counts("rename", from)) return fail();
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(from, to);
}

#define OPEN_AS(name)                                                                          \
  int name(const char* path, int flags, ...) {                                                 \
    va_list more;                                                                              \
    va_start(more, flags);                                                                     \
    const mode_t mode = va_arg(more, mode_t);                                                  \
    va_end(more);                                                                              \
    if ((flags & O_CREAT) != 0 && counts("open", path)) return fail();                         \
    return ((int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, mode);       \
  }
OPEN_AS(open)
OPEN_AS(open64)
